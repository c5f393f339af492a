import { MessageChannel } from 'node:worker_threads'

// The first port has no listener for messages, so that nothing waits for it to be closed as well.
const { port1, port2 } = new MessageChannel()
port1.on('close', () => console.log('too late'))
port2.on('close', () => console.log('closed'))
port2.on('message', () => port2.close())
port1.postMessage('close')
