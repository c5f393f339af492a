// package: express-rate-limit
// with: express
// parent: counts requests
// clone: counts one of its own
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import express from 'express'
import { rateLimit } from 'express-rate-limit'
import { ask, listen } from './lib/http.mjs'

const app = express().use(rateLimit({ windowMs: 60_000, limit: 1_000_000, legacyHeaders: true }))
app.get('/', (_, response) => response.send('ok'))
const url = await listen(createServer(app))
let asked = 0

export async function use() {
  const { headers } = await ask(url)
  assert.equal(Number(headers['x-ratelimit-remaining']), 1_000_000 - ++asked)
}
export async function inClone() {
  assert.equal((await ask(await listen(createServer(app)))).status, 200)
}
