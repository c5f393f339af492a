import Redis from 'ioredis'

const redis = new Redis(process.env.REDIS_URL, { keyPrefix: `conformance:${process.pid}:` })
console.log(await redis.set('a', '1'), await redis.incrby('a', 41), await redis.get('a'))
console.log(await redis.multi().rpush('list', 'x', 'y').lrange('list', 0, -1).del('list').exec())
console.log(await Promise.all(Array.from({ length: 5 }, (_, i) => redis.hincrby('hash', 'n', i))))
redis.defineCommand('double', { numberOfKeys: 1, lua: "return redis.call('get', KEYS[1]) * 2" })
console.log(await redis.double('a'))
console.log(await redis.get('hash').catch((error) => error.name))
await redis.del('a', 'hash')
await redis.quit()
