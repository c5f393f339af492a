// package: p-limit
// parent: limits
// clone: limits
import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import pLimit from 'p-limit'

async function work(limit) {
  assert.deepEqual(await Promise.all([1, 2, 3].map((value) => limit(() => delay(1, value)))), [1, 2, 3])
}
const limit = pLimit(2)

export const use = () => work(limit)
export const inClone = () => work(pLimit(2))
