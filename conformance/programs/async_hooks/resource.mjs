import { AsyncLocalStorage, AsyncResource } from 'node:async_hooks'
import { EventEmitter } from 'node:events'

const storage = new AsyncLocalStorage()
const emitter = new EventEmitter()
storage.run('bound', () => {
  emitter.on(
    'e',
    AsyncResource.bind(() => console.log('listener:', storage.getStore())),
  )
  emitter.on('e', () => console.log('unbound:', storage.getStore()))
})
emitter.emit('e')
const restore = storage.run('snapshot', () => AsyncLocalStorage.snapshot())
console.log(restore(() => storage.getStore()))
class Query extends AsyncResource {
  constructor() {
    super('QUERY')
  }
}
const query = storage.run('query', () => new Query())
query.runInAsyncScope(() => console.log(storage.getStore(), query.type))
