import { isMainThread, Worker, workerData } from 'node:worker_threads'

const THREADS = 3
if (isMainThread) {
  const counter = new Int32Array(new SharedArrayBuffer(4))
  let left = THREADS
  for (let i = 0; i < THREADS; i++) {
    new Worker(new URL(import.meta.url), { workerData: counter }).on('exit', () => {
      if (--left === 0) console.log('counted', counter[0])
    })
  }
} else {
  for (let i = 0; i < 1000; i++) Atomics.add(workerData, 0, 1)
}
