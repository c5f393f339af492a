import { readFileSync } from 'node:fs'
import { connect, createSecureContext, createServer } from 'node:tls'

const [key, cert] = ['key', 'cert'].map((name) =>
  readFileSync(new URL(`../support/${name}.pem`, import.meta.url)),
)
const SNICallback = (name, done) => {
  console.log('asked for', name)
  setImmediate(done, null, createSecureContext({ key, cert }))
}
const server = createServer({ SNICallback }, (socket) => socket.end()).listen(0, '127.0.0.1', () => {
  const { port } = server.address()
  const socket = connect({ port, host: '127.0.0.1', servername: 'localhost', ca: cert }, () => {
    console.log(socket.authorized)
  })
  socket.resume().on('close', () => server.close())
})
