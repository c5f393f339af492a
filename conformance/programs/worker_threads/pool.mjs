import { isMainThread, parentPort, Worker } from 'node:worker_threads'

if (isMainThread) {
  const jobs = [20, 21, 22, 23, 24, 25]
  const answers = new Map()
  for (let i = 0; i < 2; i++) {
    const worker = new Worker(new URL(import.meta.url))
    const next = () => (jobs.length > 0 ? worker.postMessage(jobs.shift()) : worker.terminate())
    worker.on('message', ([n, answer]) => {
      answers.set(n, answer)
      if (answers.size === 6) console.log([...answers].sort(([a], [b]) => a - b))
      next()
    })
    next()
  }
} else {
  const fibonacci = (n) => (n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2))
  parentPort.on('message', (n) => parentPort.postMessage([n, fibonacci(n)]))
}
