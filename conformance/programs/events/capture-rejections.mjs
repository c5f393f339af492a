import { EventEmitter } from 'node:events'

const emitter = new EventEmitter({ captureRejections: true })
emitter.on('event', async () => {
  throw new Error('rejected by a listener')
})
emitter.on('error', ({ message }) => console.log(message))
emitter.emit('event')
console.log('emitted')
