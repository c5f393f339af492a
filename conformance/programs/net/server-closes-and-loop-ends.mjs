import { once } from 'node:events'
import { connect, createServer } from 'node:net'

const server = createServer((socket) => socket.end('bye'))
process.on('exit', (code) => console.log('exit', code, server.listening))
await once(server.listen(0, '127.0.0.1'), 'listening')
console.log(server.listening)
const socket = connect(server.address().port, '127.0.0.1')
for await (const chunk of socket) console.log(chunk.toString())
server.close()
