import { subscribe } from 'node:diagnostics_channel'
import { createServer, get } from 'node:http'

subscribe('http.client.request.start', ({ request }) => console.log('client asks', request.path))
subscribe('http.server.request.start', ({ request }) => console.log('server is asked', request.url))
subscribe('http.client.response.finish', ({ response }) =>
  console.log('client is answered', response.statusCode),
)
const server = createServer((_, res) => res.end()).listen(0, '127.0.0.1', () => {
  get({ port: server.address().port, host: '127.0.0.1', path: '/x', agent: false }, (res) => {
    res.resume().on('end', () => server.close())
  })
})
