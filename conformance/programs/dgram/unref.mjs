import { createSocket } from 'node:dgram'

const socket = createSocket({ type: 'udp4', reuseAddr: true })
socket.on('listening', () => {
  console.log('listening on', socket.address().address)
  socket.unref()
})
socket.bind({ port: 0, address: '127.0.0.1' })
process.on('exit', () => console.log('nothing keeps it'))
