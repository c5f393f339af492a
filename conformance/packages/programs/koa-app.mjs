import { createServer } from 'node:http'
import { Readable } from 'node:stream'
import Koa from 'koa'
import { closed, listen } from './support/listen.mjs'

const app = new Koa({ keys: ['k'] })
app.silent = true
app.use(async (context, next) => {
  await next()
  context.set('x-after', 'yes')
})
app.use((context) => {
  if (context.path === '/throws') context.throw(403, 'not you')
  context.body = context.path === '/stream' ? Readable.from(['a', 'b']) : { path: context.path }
})
const server = createServer(app.callback())
const url = await listen(server)
for (const path of ['/', '/stream', '/throws']) {
  const response = await fetch(url + path)
  console.log(response.status, response.headers.get('x-after'), await response.text())
}
server.closeAllConnections()
await closed(server)
