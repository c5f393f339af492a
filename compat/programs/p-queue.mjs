// package: p-queue
// parent: works off a queue
// clone: works off a queue of its own
import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import PQueue from 'p-queue'

async function work(queue) {
  assert.deepEqual(await queue.addAll([1, 2, 3].map((value) => () => delay(1, value))), [1, 2, 3])
}
const queue = new PQueue({ concurrency: 2 })

export const use = () => work(queue)
export const inClone = () => work(new PQueue({ concurrency: 2, interval: 5, intervalCap: 1 }))
