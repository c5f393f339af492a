import { connect, createServer } from 'node:net'

const server = createServer((socket) => socket.pipe(socket))
server.listen(0, '127.0.0.1', () => {
  const socket = connect(server.address().port, '127.0.0.1', () => socket.end('hello'))
  socket.setEncoding('utf8').on('data', (text) => console.log(text))
  socket.on('close', (hadError) => {
    console.log('closed', hadError)
    server.close()
  })
})
