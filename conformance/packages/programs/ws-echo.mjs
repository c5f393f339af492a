import { once } from 'node:events'
import { WebSocket, WebSocketServer } from 'ws'

const server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: { threshold: 10 } })
await once(server, 'listening')
server.on('connection', (socket) => socket.on('message', (data, binary) => socket.send(data, { binary })))
const client = new WebSocket(`ws://127.0.0.1:${server.address().port}`)
await once(client, 'open')
for (const message of ['short', 'long '.repeat(1000), Buffer.from([1, 2, 3])]) {
  client.send(message)
  const [data, binary] = await once(client, 'message')
  console.log(data.length, binary, String(data.subarray(0, 5)) === String(message.slice(0, 5)))
}
client.ping('p')
console.log(String((await once(client, 'pong'))[0]))
client.close(4000, 'enough')
console.log((await once(client, 'close'))[0])
await new Promise((resolve) => server.close(resolve))
