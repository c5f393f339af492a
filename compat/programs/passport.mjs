// package: passport
// with: express passport-http-bearer
// parent: lets requests in
// clone: lets one in

import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import express from 'express'
import passport from 'passport'
import { Strategy } from 'passport-http-bearer'
import { ask, listen } from './lib/http.mjs'

passport.use(new Strategy((token, done) => setImmediate(done, null, token === 'good' && { name: 'ann' })))
const app = express()
app.get('/', passport.authenticate('bearer', { session: false }), ({ user }, response) =>
  response.send(user.name),
)
async function check(url) {
  assert.equal((await ask(url, { headers: { authorization: 'Bearer good' } })).body, 'ann')
  assert.equal((await ask(url, { headers: { authorization: 'Bearer bad' } })).status, 401)
}
const url = await listen(createServer(app))

export const use = () => check(url)
export const inClone = async () => check(await listen(createServer(app)))
