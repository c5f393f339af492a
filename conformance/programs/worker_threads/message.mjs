import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'

if (isMainThread) {
  const worker = new Worker(new URL(import.meta.url), { workerData: { factor: 3 } })
  worker.on('message', (answer) => {
    console.log('answer', answer)
    worker.postMessage('enough')
  })
  worker.on('exit', (code) => console.log('exit', code))
  worker.postMessage(14)
} else {
  parentPort.on('message', (message) => {
    if (message === 'enough') parentPort.close()
    else parentPort.postMessage(message * workerData.factor)
  })
}
