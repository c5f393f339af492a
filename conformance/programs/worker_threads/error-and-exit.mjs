import { once } from 'node:events'
import { Worker } from 'node:worker_threads'

const thrown = new Worker("throw new RangeError('inside')", { eval: true })
const [error] = await once(thrown, 'error')
console.log(error.name, error.message)
const left = new Worker('process.exit(7)', { eval: true })
console.log(await once(left, 'exit'))
const endless = new Worker("require('node:worker_threads').parentPort.postMessage('up'); for (;;);", {
  eval: true,
})
console.log(await once(endless, 'message'))
console.log(await endless.terminate())
