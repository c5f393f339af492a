import { createServer, get } from 'node:http'

const controller = new AbortController()
const server = createServer((_, res) => {
  res.on('close', () => server.close(() => console.log('closed')))
  controller.abort()
}).listen(0, '127.0.0.1', () => {
  get({ port: server.address().port, host: '127.0.0.1', signal: controller.signal }).on('error', (error) => {
    console.log(error.name, error.code)
  })
})
