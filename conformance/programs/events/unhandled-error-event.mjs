// ends: 1
import { EventEmitter } from 'node:events'

const emitter = new EventEmitter()
console.log('before')
setImmediate(() => emitter.emit('error', new SyntaxError('nobody listens for it')))
