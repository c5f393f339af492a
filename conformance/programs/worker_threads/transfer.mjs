import { once } from 'node:events'
import { Worker } from 'node:worker_threads'

const code = `
  const { parentPort } = require('node:worker_threads')
  parentPort.once('message', ({ bytes, port }) => {
    port.postMessage(bytes.reduce((sum, n) => sum + n))
    port.close()
    bytes.fill(1)
    parentPort.postMessage(bytes, [bytes.buffer])
  })
`
const worker = new Worker(code, { eval: true })
const { port1, port2 } = new MessageChannel()
const bytes = new Uint8Array([1, 2, 3])
const answers = Promise.all([once(port1, 'message'), once(worker, 'message')])
worker.postMessage({ bytes, port: port2 }, [bytes.buffer, port2])
console.log('left here:', bytes.length)
const [[{ data }], [back]] = await answers
console.log(data, back)
port1.close()
