import { createSocket } from 'node:dgram'

const server = createSocket('udp4')
server.on('message', (message, { port, address }) => server.send(`echo: ${message}`, port, address))
server.bind(0, '127.0.0.1', () => {
  const client = createSocket('udp4')
  client.on('message', (message) => {
    console.log(String(message))
    client.close(() => console.log('client closed'))
    server.close(() => console.log('server closed'))
  })
  client.send(['in ', 'parts'], server.address().port, '127.0.0.1')
})
