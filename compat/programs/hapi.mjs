// package: @hapi/hapi
// parent: answers requests
// clone: answers one that is injected
import assert from 'node:assert/strict'
import Hapi from '@hapi/hapi'
import { ask } from './lib/http.mjs'

const server = Hapi.server({ port: 0, host: '127.0.0.1' })
server.route({
  method: 'GET',
  path: '/sum/{a}/{b}',
  handler: ({ params }) => ({ sum: Number(params.a) + Number(params.b) }),
})
await server.start()

export const use = async () => assert.equal((await ask(`${server.info.uri}/sum/1/2`)).body, '{"sum":3}')
export const inClone = async () => assert.deepEqual((await server.inject('/sum/1/2')).result, { sum: 3 })
