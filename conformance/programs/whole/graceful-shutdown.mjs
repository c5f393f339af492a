import { createServer, get } from 'node:http'

const server = createServer((_, res) => {
  process.kill(process.pid, 'SIGTERM')
  setTimeout(() => res.end('finished all the same'), 10)
})
process.once('SIGTERM', () => {
  console.log('no new connections')
  server.close(() => console.log('closed'))
})
process.on('exit', (code) => console.log('exit', code))
server.listen(0, '127.0.0.1', () => {
  get({ port: server.address().port, host: '127.0.0.1', agent: false }, (res) => {
    res.setEncoding('utf8').on('data', (text) => console.log(text))
  })
})
