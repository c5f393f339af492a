import { once } from 'node:events'
import { connect, createServer } from 'node:http2'
import { text } from 'node:stream/consumers'

const server = createServer().on('stream', (stream, headers) => {
  stream.respond({ ':status': 200, 'x-path': headers[':path'] })
  stream.end(`answer to ${headers[':path']}`)
})
await once(server.listen(0, '127.0.0.1'), 'listening')
const session = connect(`http://127.0.0.1:${server.address().port}`)
const ask = async (path) => {
  const request = session.request({ ':path': path })
  const [headers] = await once(request, 'response')
  return `${headers[':status']} ${headers['x-path']} ${await text(request)}`
}
console.log((await Promise.all(['/a', '/b', '/c'].map(ask))).join('\n'))
session.close()
server.close(() => console.log('closed'))
