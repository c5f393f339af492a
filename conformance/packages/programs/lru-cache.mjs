import { LRUCache } from 'lru-cache'

const cache = new LRUCache({ max: 3, fetchMethod: async (key) => `fetched ${key}` })
for (const key of ['a', 'b', 'c', 'd']) cache.set(key, key)
console.log(cache.has('a'), [...cache.keys()], cache.get('b'))
cache.set('short', 1, { ttl: 10 })
await new Promise((resolve) => setTimeout(resolve, 60))
console.log(cache.get('short'), cache.size, await cache.fetch('e'))
const sized = new LRUCache({ maxSize: 10, sizeCalculation: (value) => value.length })
sized.set('x', '12345678')
sized.set('y', '1234')
console.log(sized.has('x'), sized.calculatedSize)
