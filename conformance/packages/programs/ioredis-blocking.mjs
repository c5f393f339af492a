import Redis from 'ioredis'

const list = `conformance:${process.pid}:queue`
const [worker, producer] = [new Redis(process.env.REDIS_URL), new Redis(process.env.REDIS_URL)]
const taken = worker.blpop(list, 10)
await producer.rpush(list, 'job')
console.log((await taken)[1], await worker.blpop(list, 0.1))
const pipeline = producer.pipeline()
for (let i = 0; i < 10; i++) pipeline.rpush(list, i)
await pipeline.exec()
console.log(await producer.llen(list), await producer.del(list))
await Promise.all([worker.quit(), producer.quit()])
