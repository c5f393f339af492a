import { connect, createServer } from 'node:net'

const MIB = 2 ** 20
const server = createServer((socket) => {
  const flushed = socket.write(Buffer.alloc(8 * MIB))
  console.log('flushed at once:', flushed)
  socket.on('drain', () => {
    console.log('drained', socket.bytesWritten)
    socket.end()
  })
  reader.resume()
}).listen(0, '127.0.0.1')
let reader
server.on('listening', () => {
  reader = connect(server.address().port, '127.0.0.1').pause()
  let bytes = 0
  reader.on('data', (chunk) => (bytes += chunk.length))
  reader.on('end', () => console.log('read', bytes))
  reader.on('close', () => server.close())
})
