// package: socket.io
// with: socket.io-client
// parent: answers events of a client
// clone: answers one by a server of its own
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { Server } from 'socket.io'
import { io } from 'socket.io-client'
import { listen } from './lib/http.mjs'

async function pair() {
  const http = createServer()
  new Server(http).on('connection', (socket) => socket.on('add', (a, b, reply) => reply(a + b)))
  return io(await listen(http))
}
const client = await pair()
const add = async (to) => assert.equal(await to.timeout(10_000).emitWithAck('add', 1, 2), 3)

export const use = () => add(client)
export const inClone = async () => add(await pair())
