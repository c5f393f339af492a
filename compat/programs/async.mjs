// package: async
// parent: maps, works off a queue
// clone: does so too
import assert from 'node:assert/strict'
import async from 'async'

export async function use() {
  assert.deepEqual(await async.mapLimit([1, 2, 3], 2, async (value) => 2 * value), [2, 4, 6])
  const done = []
  const queue = async.queue(async (value) => done.push(value), 2)
  queue.push([1, 2, 3])
  await queue.drain()
  assert.deepEqual(done, [1, 2, 3])
}
export const inClone = use
