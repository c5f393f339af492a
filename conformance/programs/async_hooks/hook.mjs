import { createHook, executionAsyncId, triggerAsyncId } from 'node:async_hooks'

const seen = { Timeout: 0, Immediate: 0, TickObject: 0 }
const parents = new Map()
const hook = createHook({
  init(id, type, trigger) {
    if (type in seen) seen[type]++
    parents.set(id, trigger)
  },
}).enable()
setTimeout(() => {
  const parent = executionAsyncId()
  setImmediate(() => {
    console.log(triggerAsyncId() === parent, parents.get(executionAsyncId()) === parent)
    process.nextTick(() => {
      hook.disable()
      console.log(seen.Timeout, seen.Immediate, seen.TickObject > 0)
    })
  })
}, 1)
