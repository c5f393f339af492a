// package: lru-cache
// parent: caches, with a time to live
// clone: finds what is cached, and caches
import assert from 'node:assert/strict'
import { LRUCache } from 'lru-cache'

const cache = new LRUCache({ max: 100, ttl: 60_000, ttlAutopurge: true })
cache.set('kept', 'value', { ttl: 0 })
let key = 0

export function use() {
  cache.get('kept')
  cache.set(++key, key)
  assert.equal(cache.get(key), key)
}
export function inClone() {
  assert.equal(cache.get('kept'), 'value')
  use()
}
