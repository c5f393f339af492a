// package: express
// parent: answers requests
// clone: answers one by a server of its own
import express from 'express'
import { served } from './lib/http.mjs'

const app = express()
app.get('/sum/:a/:b', ({ params }, response) => response.send(String(Number(params.a) + Number(params.b))))

export const { use, inClone } = await served(app, '/sum/1/2', '3')
