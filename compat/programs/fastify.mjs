// package: fastify
// parent: answers requests
// clone: answers one by a server of its own
import fastify from 'fastify'
import { served } from './lib/http.mjs'

const app = fastify()
const schema = { response: { 200: { type: 'object', properties: { sum: { type: 'number' } } } } }
app.get('/sum/:a/:b', { schema }, async ({ params }) => ({ sum: Number(params.a) + Number(params.b) }))
await app.ready()

export const { use, inClone } = await served((...args) => app.routing(...args), '/sum/1/2', '{"sum":3}')
