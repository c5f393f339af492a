import { readFile } from 'node:fs'
import { fileURLToPath } from 'node:url'

// From a callback of I/O, an immediate always comes before a timer.
readFile(fileURLToPath(import.meta.url), () => {
  setTimeout(() => console.log('timeout'), 0)
  setImmediate(() => console.log('immediate'))
  process.nextTick(() => console.log('tick'))
  Promise.resolve().then(() => console.log('promise'))
})
