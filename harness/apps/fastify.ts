import { Readable } from 'node:stream'
import compress from '@fastify/compress'
import createFastify from 'fastify'
import type { App } from './app.js'
import { blocks, COMPRESSIBLE, consult, DELIBERATE, digest, GREETING, item } from './content.js'

export const fastify: App = {
  scheme: 'http',
  async start(port, host) {
    // A logger with a transport starts a thread, which would prevent cloning.
    const app = createFastify({ logger: false })
    await app.register(compress, { global: false })
    // Makes bodies available as streams.
    app.removeAllContentTypeParsers()
    app.addContentTypeParser('*', (_, payload, done) => done(null, payload))
    app.get('/hello', (_, reply) => reply.type('text/plain; charset=utf-8').send(GREETING))
    app.get<{ Params: { id: string } }>('/json/:id', async ({ params, query }) => item(params.id, query))
    app.get('/async', () => consult())
    app.get('/error', async () => {
      throw new Error(DELIBERATE)
    })
    app.get('/download', (_, reply) => reply.type('application/octet-stream').send(Readable.from(blocks())))
    app.get('/compressed', (_, reply) => reply.type('text/plain; charset=utf-8').compress(COMPRESSIBLE))
    // A request without a body has no payload.
    app.post('/upload', ({ body, raw }) => digest((body as Readable | undefined) ?? raw))
    await app.listen({ port, host })
    return app.server
  },
}
