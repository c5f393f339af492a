// package: @grpc/grpc-js
// parent: calls a server of its own
// clone: calls it by a client of its own
import assert from 'node:assert/strict'
import { promisify } from 'node:util'
import grpc from '@grpc/grpc-js'

const json = (value) => Buffer.from(JSON.stringify(value))
const parse = (bytes) => JSON.parse(String(bytes))
const service = {
  sum: {
    path: '/Sums/sum',
    requestStream: false,
    responseStream: false,
    requestSerialize: json,
    requestDeserialize: parse,
    responseSerialize: json,
    responseDeserialize: parse,
  },
}
const server = new grpc.Server()
server.addService(service, { sum: ({ request }, reply) => reply(null, request.a + request.b) })
const credentials = grpc.ServerCredentials.createInsecure()
const port = await promisify(server.bindAsync.bind(server))('127.0.0.1:0', credentials)
const Client = grpc.makeGenericClientConstructor(service, 'Sums')
const connect = () => new Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure())
const client = connect()
async function sum(by) {
  const deadline = Date.now() + 10_000
  assert.equal(await promisify(by.sum.bind(by))({ a: 1, b: 2 }, { deadline }), 3)
}

export const use = () => sum(client)
export const inClone = () => sum(connect())
