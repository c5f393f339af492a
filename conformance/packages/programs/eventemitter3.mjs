import { EventEmitter } from 'eventemitter3'

const emitter = new EventEmitter()
const seen = []
emitter.on(
  'a',
  function (...args) {
    seen.push([this.name, ...args])
  },
  { name: 'context' },
)
emitter.once('a', () => seen.push('once'))
console.log(emitter.emit('a', 1), emitter.emit('a', 2), emitter.emit('b'), seen, emitter.eventNames())
