// package: ioredis
// parent: pushes onto a list in Redis
// clone: pushes by a client of its own
import assert from 'node:assert/strict'
import { Redis } from 'ioredis'
import { unique } from './lib/http.mjs'
import { redisServer } from './lib/services.mjs'

const port = await redisServer()
const connect = () => new Redis({ port, host: '127.0.0.1' })
const client = connect()
const push = (by) => by.rpush('list', unique())

export const use = () => push(client)
export const inClone = () => push(connect())
export async function after() {
  const all = await client.lrange('list', 0, -1)
  assert.equal(new Set(all).size, all.length, 'pushed twice')
}
