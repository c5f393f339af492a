// package: keyv
// with: @keyv/redis
// parent: sets and gets in Redis
// clone: does so by a client of its own
import assert from 'node:assert/strict'
import KeyvRedis from '@keyv/redis'
import Keyv from 'keyv'
import { unique } from './lib/http.mjs'
import { redisServer } from './lib/services.mjs'

const url = `redis://127.0.0.1:${await redisServer()}`
const connect = () => new Keyv({ store: new KeyvRedis(url) })
const keyv = connect()
async function setAndGet(by) {
  const key = unique()
  await by.set(key, { key }, 60_000)
  assert.deepEqual(await by.get(key), { key })
}

export const use = () => setAndGet(keyv)
export const inClone = () => setAndGet(connect())
