const { MessageChannel, receiveMessageOnPort, Worker, threadId } = require('node:worker_threads')

const { port1, port2 } = new MessageChannel()
const done = new Int32Array(new SharedArrayBuffer(4))
const code = `
  const { workerData: { port, done } } = require('node:worker_threads')
  port.postMessage({ answer: 42 })
  Atomics.store(done, 0, 1)
  Atomics.notify(done, 0)
`
new Worker(code, { eval: true, workerData: { port: port2, done }, transferList: [port2] })
Atomics.wait(done, 0, 0)
console.log(threadId, receiveMessageOnPort(port1), receiveMessageOnPort(port1))
port1.close()
