// package: bullmq
// with: ioredis
// parent: queues jobs in Redis and works them off
// clone: queues one by a queue of its own
import assert from 'node:assert/strict'
import { Queue, QueueEvents, Worker } from 'bullmq'
import { unique } from './lib/http.mjs'
import { redisServer } from './lib/services.mjs'

const connection = { host: '127.0.0.1', port: await redisServer() }
const queue = new Queue('jobs', { connection })
const events = new QueueEvents('jobs', { connection })
const done = []
const worker = new Worker('jobs', async ({ data }) => done.push(data.id), { connection })
await Promise.all([events.waitUntilReady(), worker.waitUntilReady()])

export async function use() {
  const id = unique()
  const job = await queue.add('job', { id })
  await job.waitUntilFinished(events)
  assert.ok(done.includes(id))
}
export async function inClone() {
  await new Queue('jobs', { connection }).add('job', { id: unique() })
}
export const after = () => assert.equal(new Set(done).size, done.length, 'a job was done twice')
