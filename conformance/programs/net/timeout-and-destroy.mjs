import { connect, createServer } from 'node:net'

const server = createServer((socket) => {
  socket.on('error', ({ code }) => console.log('server:', code))
  socket.on('close', (hadError) => {
    console.log('server: closed', hadError)
    server.close()
  })
}).listen(0, '127.0.0.1', () => {
  const socket = connect(server.address().port, '127.0.0.1').setTimeout(10)
  socket.on('timeout', () => {
    console.log('client: idle')
    socket.resetAndDestroy()
  })
})
