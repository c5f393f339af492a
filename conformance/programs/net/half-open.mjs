import { connect, createServer } from 'node:net'

const server = createServer({ allowHalfOpen: true }, (socket) => {
  let text = ''
  socket.on('data', (chunk) => (text += chunk))
  socket.on('end', () => socket.end(`${text.length} bytes, then the end`))
}).listen(0, '127.0.0.1', () => {
  const socket = connect({ port: server.address().port, host: '127.0.0.1', allowHalfOpen: true })
  socket.end('x'.repeat(1000))
  socket.on('data', (chunk) => console.log(String(chunk)))
  socket.on('close', () => server.close())
})
