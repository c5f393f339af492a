import { Queue, QueueEvents, Worker } from 'bullmq'

const { hostname: host, port } = new URL(process.env.REDIS_URL)
const connection = { host, port: Number(port), maxRetriesPerRequest: null }
const name = `conformance-${process.pid}`
const queue = new Queue(name, { connection })
const events = new QueueEvents(name, { connection })
await events.waitUntilReady()
const worker = new Worker(
  name,
  async ({ data, attemptsMade }) => {
    if (data.n === 2 && attemptsMade === 0) throw new Error('once')
    if (data.n === 3) throw new Error('always')
    return data.n * 2
  },
  { connection },
)
const jobs = await queue.addBulk(
  [1, 2, 3].map((n) => ({ name: 'double', data: { n }, opts: { attempts: 2, backoff: 10 } })),
)
const ends = jobs.map((job) => job.waitUntilFinished(events, 15_000).catch((error) => error.message))
console.log(await Promise.all(ends))
console.log(await queue.getJobCounts('completed', 'failed', 'waiting', 'active'))
await worker.close()
await queue.obliterate({ force: true })
await Promise.all([events.close(), queue.close()])
