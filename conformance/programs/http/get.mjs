import { createServer, get } from 'node:http'
import { text } from 'node:stream/consumers'

const server = createServer((request, response) => {
  response.setHeader('content-type', 'text/plain')
  response.end(`${request.method} ${request.url}`)
})
server.listen(0, '127.0.0.1', () => {
  get({ port: server.address().port, host: '127.0.0.1', path: '/hello' }, async (response) => {
    console.log(response.statusCode, response.headers['content-type'], await text(response))
    server.close(() => console.log('closed'))
  })
})
