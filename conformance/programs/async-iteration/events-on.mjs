import { EventEmitter, on, once } from 'node:events'

const emitter = new EventEmitter()
const controller = new AbortController()
setImmediate(() => {
  for (let i = 1; i <= 3; i++) emitter.emit('item', i)
  setTimeout(() => controller.abort(), 2)
})
try {
  for await (const [item] of on(emitter, 'item', { signal: controller.signal })) console.log(item)
} catch ({ name }) {
  console.log(name)
}
setImmediate(() => emitter.emit('error', new Error('emitted')))
await once(emitter, 'never').catch(({ message }) => console.log(message, emitter.listenerCount('error')))
