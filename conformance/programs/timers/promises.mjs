import { scheduler, setImmediate, setInterval, setTimeout } from 'node:timers/promises'

console.log(await setTimeout(5, 'after a while'))
console.log(await setImmediate('at once'))
let rounds = 0
for await (const value of setInterval(2, 'again')) {
  console.log(value)
  if (++rounds === 3) break
}
await scheduler.wait(2)
await scheduler.yield()
const early = setTimeout(10_000, undefined, { signal: AbortSignal.timeout(5) })
await early.catch((error) => console.log(error.name, error.cause.name))
