import { createClient } from 'redis'

const client = await createClient({ url: process.env.REDIS_URL }).connect()
const key = `conformance:${process.pid}:redis`
await client.hSet(key, { a: '1', b: '2' })
console.log({ ...(await client.hGetAll(key)) }, await client.hIncrBy(key, 'a', 5))
console.log(await client.multi().expire(key, 60).ttl(key).del(key).exec())
console.log(await client.get(key))
await client.close()
