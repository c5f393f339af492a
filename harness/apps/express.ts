import { once } from 'node:events'
import { Readable } from 'node:stream'
import compression from 'compression'
import createExpress from 'express'
import type { App } from './app.js'
import { blocks, COMPRESSIBLE, consult, DELIBERATE, digest, GREETING, item } from './content.js'

export const express: App = {
  scheme: 'http',
  async start(port, host) {
    const app = createExpress()
    app.get('/hello', (_, response) => {
      response.type('text').send(GREETING)
    })
    app.get('/json/:id', ({ params, query }, response) => {
      response.json(item(params.id, query))
    })
    app.get('/async', async (_, response) => {
      response.json(await consult())
    })
    app.get('/error', () => {
      throw new Error(DELIBERATE)
    })
    app.get('/download', (_, response) => {
      Readable.from(blocks()).pipe(response.type('application/octet-stream'))
    })
    app.get('/compressed', compression(), (_, response) => {
      response.type('text').send(COMPRESSIBLE)
    })
    app.post('/upload', async (request, response) => {
      response.json(await digest(request))
    })
    const server = app.listen(port, host)
    await once(server, 'listening')
    return server
  },
}
