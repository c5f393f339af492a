import { connect, createServer } from 'node:net'

const COUNT = 60
let open = 0
const server = createServer((socket) => {
  socket.resume().on('end', () => socket.end())
  server.getConnections((_, count) => {
    if (++open === COUNT) {
      console.log('at once:', count)
      for (const client of clients) client.end()
      server.close(() => console.log('all closed'))
    }
  })
})
const clients = []
server.listen(0, '127.0.0.1', () => {
  for (let i = 0; i < COUNT; i++) clients.push(connect(server.address().port, '127.0.0.1').resume())
})
