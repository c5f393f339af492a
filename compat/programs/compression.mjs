// package: compression
// with: express
// parent: compresses answers
// clone: compresses one

import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import compression from 'compression'
import express from 'express'
import { ask, listen } from './lib/http.mjs'

const app = express()
app.use(compression({ threshold: 0 }))
app.get('/', (_, response) => response.send('x'.repeat(100_000)))
async function check(url) {
  const { headers, body } = await ask(url, { headers: { 'accept-encoding': 'gzip' } })
  assert.equal(headers['content-encoding'], 'gzip')
  assert.ok(body.length < 10_000)
}
const url = await listen(createServer(app))

export const use = () => check(url)
export const inClone = async () => check(await listen(createServer(app)))
