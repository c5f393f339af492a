import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect, createServer } from 'node:tls'

const [key, cert] = ['key', 'cert'].map((name) =>
  readFileSync(new URL(`../support/${name}.pem`, import.meta.url)),
)
const server = createServer({ key, cert, ALPNProtocols: ['echo'] }, (socket) => socket.pipe(socket))
await once(server.listen(0, '127.0.0.1'), 'listening')
const socket = connect({ port: server.address().port, host: '127.0.0.1', ca: cert, ALPNProtocols: ['echo'] })
await once(socket, 'secureConnect')
console.log(
  socket.authorized,
  socket.alpnProtocol,
  socket.getProtocol(),
  socket.getPeerCertificate().subject.CN,
)
socket.end('over tls')
for await (const chunk of socket) console.log(chunk.toString())
server.close(() => console.log('closed'))
