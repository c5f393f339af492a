import { once } from 'node:events'
import type { Server } from 'node:http'
import { serve } from '@hono/node-server'
import { Hono } from 'hono'
import { compress } from 'hono/compress'
import { stream } from 'hono/streaming'
import type { App } from './app.js'
import { blocks, COMPRESSIBLE, consult, DELIBERATE, digest, GREETING, item } from './content.js'

export const hono: App = {
  scheme: 'http',
  async start(port, hostname) {
    const app = new Hono()
    app.use('/compressed', compress())
    app.get('/hello', (context) => context.text(GREETING))
    app.get('/json/:id', (context) => context.json(item(context.req.param('id'), context.req.query())))
    app.get('/async', async (context) => context.json(await consult()))
    app.get('/error', () => {
      throw new Error(DELIBERATE)
    })
    app.get('/download', (context) => {
      context.header('Content-Type', 'application/octet-stream')
      return stream(context, async (writer) => {
        for (const block of blocks()) await writer.write(block as Uint8Array<ArrayBuffer>)
      })
    })
    app.get('/compressed', (context) => context.text(COMPRESSIBLE))
    app.post('/upload', async (context) => context.json(await digest(context.req.raw.body ?? [])))
    const server = serve({ fetch: app.fetch, port, hostname }) as Server
    if (!server.listening) await once(server, 'listening')
    return server
  },
}
