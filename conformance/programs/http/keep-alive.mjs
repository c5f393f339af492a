import { Agent, createServer, request } from 'node:http'

const agent = new Agent({ keepAlive: true, maxSockets: 1 })
const ports = new Set()
const server = createServer((req, res) => {
  ports.add(req.socket.remotePort)
  res.end('ok')
})
server.listen(0, '127.0.0.1', async () => {
  for (let i = 0; i < 5; i++) await once()
  console.log('connections used:', ports.size)
  agent.destroy()
  server.close()
})

function once() {
  return new Promise((resolve) => {
    const { port } = server.address()
    const req = request({ port, host: '127.0.0.1', agent }, (res) => res.resume().on('end', () => resolve()))
    req.on('socket', () => {})
    req.end()
  })
}
