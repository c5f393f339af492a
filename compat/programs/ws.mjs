// package: ws
// parent: sends messages to a server of its own
// clone: sends one by a client of its own
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { WebSocket, WebSocketServer } from 'ws'

const server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
server.on('connection', (socket) => socket.on('message', (data) => socket.send(`${data}!`)))
await once(server, 'listening')
const url = `ws://127.0.0.1:${server.address().port}`
const connect = async () => {
  const socket = new WebSocket(url)
  await once(socket, 'open')
  return socket
}
const socket = await connect()
async function echo(by) {
  by.send('hello')
  const [data] = await once(by, 'message')
  assert.equal(String(data), 'hello!')
}

export const use = () => echo(socket)
export const inClone = async () => echo(await connect())
