import { createServer } from 'node:http'
import { Server } from 'socket.io'
import { io } from 'socket.io-client'
import { listen } from './support/listen.mjs'

const http = createServer()
const server = new Server(http)
server.on('connection', (socket) => {
  socket.join('room')
  socket.on('ask', (n, answer) => answer(n * 2))
})
const url = await listen(http)
for (const transports of [['websocket'], ['polling', 'websocket']]) {
  const client = io(url, { transports, forceNew: true })
  await new Promise((resolve) => client.on('connect', resolve))
  console.log(await client.timeout(5000).emitWithAck('ask', 21))
  const told = new Promise((resolve) => client.on('told', resolve))
  server.to('room').emit('told', Buffer.from('all'))
  console.log(String(await told))
  client.close()
}
await server.close()
