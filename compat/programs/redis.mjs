// package: redis
// parent: pushes onto a list in Redis
// clone: pushes by a client of its own
import assert from 'node:assert/strict'
import { createClient } from 'redis'
import { unique } from './lib/http.mjs'
import { redisServer } from './lib/services.mjs'

const url = `redis://127.0.0.1:${await redisServer()}`
const connect = () =>
  createClient({ url })
    .on('error', () => {})
    .connect()
const client = await connect()
const push = (by) => by.rPush('list', unique())

export const use = () => push(client)
export const inClone = async () => push(await connect())
export async function after() {
  const all = await client.lRange('list', 0, -1)
  assert.equal(new Set(all).size, all.length, 'pushed twice')
}
