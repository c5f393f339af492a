// package: express-session
// with: express
// parent: counts the visits of a session
// clone: begins a session of its own
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import express from 'express'
import session from 'express-session'
import { ask, listen } from './lib/http.mjs'

const app = express().use(session({ secret: 'secret', resave: false, saveUninitialized: true }))
app.get('/', ({ session }, response) => {
  session.visits = (session.visits ?? 0) + 1
  response.send(String(session.visits))
})
async function begin(url) {
  const { headers, body } = await ask(url)
  assert.equal(body, '1')
  return headers['set-cookie'][0].split(';', 1)[0]
}
const url = await listen(createServer(app))
const cookie = await begin(url)
let visits = 1

export async function use() {
  assert.equal((await ask(url, { headers: { cookie } })).body, String(++visits))
}
export const inClone = async () => begin(await listen(createServer(app)))
export function after(cookies) {
  assert.equal(new Set([...cookies, cookie]).size, cookies.length + 1, 'session ids repeat')
}
