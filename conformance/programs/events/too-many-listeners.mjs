import { EventEmitter } from 'node:events'

const emitter = new EventEmitter()
process.on('warning', ({ name, count, type }) => console.log(name, count, type))
for (let i = 0; i < 11; i++) emitter.on('leak', () => {})
console.log(emitter.listenerCount('leak'), EventEmitter.defaultMaxListeners)
