import { once } from 'node:events'
import { Worker } from 'node:worker_threads'

const source = `
  import { createHash } from 'node:crypto'
  import { parentPort } from 'node:worker_threads'
  const { readFile } = await import('node:fs/promises')
  const bytes = await readFile(new URL('${import.meta.url}'))
  parentPort.postMessage([bytes.length > 100, createHash('md5').update('x').digest('hex')])
`
const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(source)}`))
const exited = once(worker, 'exit')
console.log(await once(worker, 'message'))
console.log(await exited)
