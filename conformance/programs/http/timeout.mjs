import { createServer, get } from 'node:http'

const server = createServer(() => {}).listen(0, '127.0.0.1', () => {
  const req = get({ port: server.address().port, host: '127.0.0.1', timeout: 20 })
  req.on('timeout', () => {
    console.log('timeout')
    req.destroy(new Error('took too long'))
  })
  req.on('error', (error) => {
    console.log(error.message)
    server.close()
    server.closeAllConnections()
  })
})
