import { createHash } from 'node:crypto'
import { connect, createServer } from 'node:net'

const data = Buffer.alloc(3_000_000, 'back and forth')
const digest = (bytes) => createHash('md5').update(bytes).digest('hex')
const server = createServer((socket) => socket.pipe(socket)).listen(0, '127.0.0.1', () => {
  const socket = connect(server.address().port, '127.0.0.1')
  const chunks = []
  socket.on('data', (chunk) => chunks.push(chunk))
  socket.on('end', () => {
    console.log(digest(Buffer.concat(chunks)) === digest(data), socket.bytesRead, socket.bytesWritten)
    server.close()
  })
  socket.end(data)
})
