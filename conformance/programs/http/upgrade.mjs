import { createServer, request } from 'node:http'

const server = createServer()
server.on('upgrade', (_request, socket) => {
  socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n')
  socket.pipe(socket)
})
server.listen(0, '127.0.0.1', () => {
  const headers = { connection: 'Upgrade', upgrade: 'echo' }
  const client = request({ port: server.address().port, host: '127.0.0.1', headers }).end()
  client.on('upgrade', (response, socket) => {
    console.log(response.statusCode, response.headers.upgrade)
    socket.setEncoding('utf8').on('data', (text) => {
      console.log(text)
      socket.end()
      server.close(() => console.log('closed'))
    })
    socket.write('echo this')
  })
})
