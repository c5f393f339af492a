// package: socket.io-client
// with: socket.io
// parent: sends events
// clone: sends one by a client of its own
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { Server } from 'socket.io'
import { io } from 'socket.io-client'
import { listen, unique } from './lib/http.mjs'

const http = createServer()
const times = new Map()
new Server(http).on('connection', (socket) =>
  socket.on('event', (id, reply) => {
    times.set(id, (times.get(id) ?? 0) + 1)
    reply(id)
  }),
)
const url = await listen(http)
const client = io(url, { transports: ['websocket'] })
async function send(by) {
  const id = unique()
  assert.equal(await by.timeout(10_000).emitWithAck('event', id), id)
}

export const use = () => send(client)
export const inClone = () => send(io(url, { transports: ['websocket'], forceNew: true }))
export const after = () =>
  assert.deepEqual(
    [...times].filter(([, count]) => count > 1),
    [],
    'sent twice',
  )
