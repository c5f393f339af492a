// package: helmet
// with: express
// parent: answers with its headers
// clone: answers once
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import express from 'express'
import helmet from 'helmet'
import { ask, listen } from './lib/http.mjs'

const app = express().use(helmet())
app.get('/', (_, response) => response.send('ok'))
const check = async (url) => assert.equal((await ask(url)).headers['x-content-type-options'], 'nosniff')
const url = await listen(createServer(app))

export const use = () => check(url)
export const inClone = async () => check(await listen(createServer(app)))
