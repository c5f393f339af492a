// package: morgan
// with: express
// parent: logs its answers
// clone: logs one of its own
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import express from 'express'
import morgan from 'morgan'
import { ask, listen } from './lib/http.mjs'

const lines = []
const app = express().use(
  morgan(':method :url :status :response-time', { stream: { write: (line) => lines.push(line) } }),
)
app.get('/a', (_, response) => response.send('ok'))
async function check(url) {
  const before = lines.length
  assert.equal((await ask(`${url}/a`)).body, 'ok')
  // The line is written once the response has finished.
  while (lines.length === before) await new Promise(setImmediate)
  assert.match(lines.at(-1), /^GET \/a 200 [\d.]+\n$/)
}
const url = await listen(createServer(app))

export const use = () => check(url)
export const inClone = async () => check(await listen(createServer(app)))
