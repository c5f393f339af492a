import { MessageChannel, receiveMessageOnPort } from 'node:worker_threads'

const { port1, port2 } = new MessageChannel()
port1.postMessage({ order: 1 })
port1.postMessage({ order: 2 })
console.log(receiveMessageOnPort(port2))
port2.on('message', (message) => {
  console.log('event', message)
  port2.close()
})
port2.on('close', () => console.log('closed'))
