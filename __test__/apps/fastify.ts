import { Readable } from 'node:stream'
import compress from '@fastify/compress'
import createFastify from 'fastify'
import type { App } from './app.js'
import { blocks, COMPRESSIBLE, consult, DELIBERATE, digest, GREETING, item } from './content.js'

export const fastify: App = {
  scheme: 'http',
  async start(port, host) {
    // A logger with a transport has a thread, and the process then cannot be cloned.
    const app = createFastify({ logger: false })
    await app.register(compress, { global: false })
    // Bodies as streams.
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
    // Without a body there is no payload.
    app.post('/upload', ({ body, raw }) => digest((body as Readable | undefined) ?? raw))
    await app.listen({ port, host })
    return app.server
  },
}
