import { once } from 'node:events'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setTimeout } from 'node:timers/promises'

const controller = new AbortController()
const { signal } = controller
const tell = (what) => (error) => console.log(what, error.name, error.code)
const all = [
  setTimeout(10_000, null, { signal }).catch(tell('timeout')),
  once(new EventTarget(), 'never', { signal }).catch(tell('once')),
  pipeline(
    new Readable({ read() {} }),
    async function* (source) {
      yield* source
    },
    { signal },
  ).catch(tell('pipeline')),
]
setImmediate(() => controller.abort())
await Promise.all(all)
