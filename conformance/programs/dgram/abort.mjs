import { createSocket } from 'node:dgram'

const controller = new AbortController()
const socket = createSocket({ type: 'udp4', signal: controller.signal })
socket.on('close', () => console.log('closed'))
socket.bind(0, '127.0.0.1', () => {
  console.log('bound')
  controller.abort()
})
