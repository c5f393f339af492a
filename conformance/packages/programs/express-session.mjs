import { createServer } from 'node:http'
import express from 'express'
import session from 'express-session'
import { closed, listen } from './support/listen.mjs'

const app = express()
app.use(session({ secret: 's', resave: false, saveUninitialized: true }))
app.get('/', (request, response) => {
  request.session.count = (request.session.count ?? 0) + 1
  response.send(`${request.session.count}`)
})
const server = createServer(app)
const url = await listen(server)
const visit = async (cookie) => {
  const response = await fetch(url, { headers: cookie ? { cookie } : {} })
  return [await response.text(), response.headers.getSetCookie()[0]?.split(';')[0]]
}
const [[a, cookie], [b, other]] = [await visit(), await visit()]
console.log(a, b, cookie !== other, await visit(cookie), await visit(cookie))
server.closeAllConnections()
await closed(server)
