import { createSocket } from 'node:dgram'
import { once } from 'node:events'

const [a, b] = [createSocket('udp4'), createSocket('udp4')]
await Promise.all([a, b].map((socket) => once(socket.bind(0, '127.0.0.1'), 'listening')))
a.connect(b.address().port, '127.0.0.1')
await once(a, 'connect')
console.log(a.remoteAddress().address, a.remoteAddress().family)
const received = once(b, 'message')
a.send('connected')
const [message, from] = await received
console.log(String(message), from.port === a.address().port, from.size)
for (const socket of [a, b]) socket.close()
