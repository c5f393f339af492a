import { once } from 'node:events'
import { Readable } from 'node:stream'
import Koa from 'koa'
import compress from 'koa-compress'
import type { App } from './app.js'
import { blocks, COMPRESSIBLE, consult, DELIBERATE, digest, GREETING, item } from './content.js'

export const koa: App = {
  scheme: 'http',
  async start(port, host) {
    const app = new Koa()
    const compressed = compress()
    app.use((context, next) => (context.path === '/compressed' ? compressed(context, next) : next()))
    app.use(async (context) => {
      const [, first = '', second = ''] = context.path.split('/')
      if (context.method === 'POST') {
        if (first === 'upload') context.body = await digest(context.req)
        return
      }
      if (first === 'hello') context.body = GREETING
      else if (first === 'json') context.body = item(second, { ...context.query })
      else if (first === 'async') context.body = await consult()
      else if (first === 'error') throw new Error(DELIBERATE)
      else if (first === 'download') context.body = Readable.from(blocks())
      else if (first === 'compressed') context.body = COMPRESSIBLE
    })
    const server = app.listen(port, host)
    await once(server, 'listening')
    return server
  },
}
