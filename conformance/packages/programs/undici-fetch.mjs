import { createServer } from 'node:http'
import { Agent, fetch, request } from 'undici'
import { closed, listen } from './support/listen.mjs'

const server = createServer((request, response) => response.end(`${request.method} ${request.url}`))
const url = await listen(server)
const dispatcher = new Agent({ connections: 2, headersTimeout: 5000, bodyTimeout: 5000 })
const texts = await Promise.all(
  Array.from({ length: 6 }, async (_, i) => (await fetch(`${url}/${i}`, { dispatcher })).text()),
)
console.log(texts)
const { statusCode, body } = await request(`${url}/request`, { method: 'PUT', body: 'x', dispatcher })
console.log(statusCode, await body.text())
await dispatcher.close()
await closed(server)
