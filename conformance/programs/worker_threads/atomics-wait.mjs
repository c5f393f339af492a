import { Worker } from 'node:worker_threads'

const flag = new Int32Array(new SharedArrayBuffer(8))
const code = `
  const { workerData: flag } = require('node:worker_threads')
  Atomics.store(flag, 0, 1)
  Atomics.notify(flag, 0)
  Atomics.wait(flag, 1, 0)
`
const worker = new Worker(code, { eval: true, workerData: flag })
const { async, value } = Atomics.waitAsync(flag, 0, 0)
console.log(async ? await value : value, Atomics.load(flag, 0))
worker.on('exit', (code) => console.log('exit', code))
Atomics.store(flag, 1, 1)
Atomics.notify(flag, 1)
