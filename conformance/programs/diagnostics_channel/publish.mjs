import { channel, hasSubscribers, subscribe, tracingChannel, unsubscribe } from 'node:diagnostics_channel'

const own = channel('program:news')
const listener = (message, name) => console.log(String(name), message)
subscribe('program:news', listener)
own.publish({ n: 1 })
console.log(hasSubscribers('program:news'), unsubscribe('program:news', listener), own.hasSubscribers)
const traced = tracingChannel('program:work')
traced.subscribe({
  start: () => console.log('start'),
  end: () => console.log('end'),
  asyncEnd: ({ result }) => console.log('asyncEnd', result),
})
console.log(await traced.tracePromise(async (x) => x + 1, {}, undefined, 1))
