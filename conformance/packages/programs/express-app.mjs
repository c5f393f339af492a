import { createServer } from 'node:http'
import compression from 'compression'
import cookieSession from 'cookie-session'
import express from 'express'
import { closed, listen } from './support/listen.mjs'

const app = express()
app.use(compression({ threshold: 100 }), express.json(), cookieSession({ name: 's', keys: ['k'] }))
app.get('/visits', (request, response) => {
  request.session.visits = (request.session.visits ?? 0) + 1
  response.json({ visits: request.session.visits })
})
app.post('/echo/:name', ({ params, body, query }, response) => response.json({ params, body, query }))
app.get('/large', (_, response) => response.send('x'.repeat(10_000)))
app.get('/throws', async () => {
  throw new Error('late')
})
app.use((error, _request, response, _next) => response.status(500).send(error.message))
const server = createServer(app)
const url = await listen(server)
const first = await fetch(`${url}/visits`)
const cookie = first.headers
  .getSetCookie()
  .map((line) => line.split(';')[0])
  .join('; ')
console.log(await first.json(), await (await fetch(`${url}/visits`, { headers: { cookie } })).json())
const post = { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"a":1}' }
console.log(await (await fetch(`${url}/echo/me?b=2`, post)).json())
const large = await fetch(`${url}/large`)
console.log(large.headers.get('content-encoding'), (await large.text()).length)
const failed = await fetch(`${url}/throws`)
console.log(failed.status, await failed.text())
server.closeAllConnections()
await closed(server)
