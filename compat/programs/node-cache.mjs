// package: node-cache
// parent: caches, with a time to live
// clone: finds what is cached, and caches
import assert from 'node:assert/strict'
import NodeCache from 'node-cache'

const cache = new NodeCache({ stdTTL: 60, checkperiod: 1 })
cache.set('kept', { a: 1 }, 0)
let key = 0

export function use() {
  cache.set(++key, key)
  assert.equal(cache.take(key), key)
}
export function inClone() {
  assert.deepEqual(cache.get('kept'), { a: 1 })
  use()
}
