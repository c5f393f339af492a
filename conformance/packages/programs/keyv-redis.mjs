import Keyv from 'keyv'

const cache = new Keyv({ namespace: 'n' })
await cache.set('a', { deep: [1] })
await cache.set('short', 1, 20)
console.log(await cache.get('a'), await cache.has('short'))
await new Promise((resolve) => setTimeout(resolve, 40))
console.log(await cache.get('short'), await cache.delete('a'), await cache.get('a'))
