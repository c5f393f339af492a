import { fork } from 'node:child_process'
import { connect, createServer } from 'node:net'
import { fileURLToPath } from 'node:url'

if (process.send) {
  process.on('message', (_, socket) => {
    socket.end('served by the child')
    process.disconnect()
  })
} else {
  const child = fork(fileURLToPath(import.meta.url))
  const server = createServer({ pauseOnConnect: true }, (socket) => {
    child.send('take it', socket)
    server.close()
  }).listen(0, '127.0.0.1', () => {
    connect(server.address().port, '127.0.0.1').on('data', (chunk) => console.log(String(chunk)))
  })
  child.on('exit', (code) => console.log('exit', code))
}
