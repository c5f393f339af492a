// ends: 1
import { Worker } from 'node:worker_threads'

new Worker("setImmediate(() => { throw new Error('nobody listens') })", { eval: true })
process.on('exit', (code) => console.log('exit', code))
