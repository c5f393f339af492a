// package: cors
// with: express
// parent: answers requests of another origin
// clone: answers one
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import cors from 'cors'
import express from 'express'
import { ask, listen } from './lib/http.mjs'

const app = express().use(cors({ origin: 'https://a.example' }))
app.get('/', (_, response) => response.send('ok'))
const check = async (url) =>
  assert.equal((await ask(url)).headers['access-control-allow-origin'], 'https://a.example')
const url = await listen(createServer(app))

export const use = () => check(url)
export const inClone = async () => check(await listen(createServer(app)))
