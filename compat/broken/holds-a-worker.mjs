// parent: has a thread
import { Worker } from 'node:worker_threads'

new Worker('setInterval(() => {}, 1000)', { eval: true })

export const use = () => {}
