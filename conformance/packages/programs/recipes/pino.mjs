import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import pino from 'pino'
import { handlers, run } from '../../../../dist/index.js'
import { folder } from '../support/folder.mjs'

const { file, remove } = folder()
const destination = pino.destination({ dest: file('log'), sync: false, minLength: 4096 })
await once(destination, 'ready')
const options = { base: undefined, timestamp: false }
let log = pino(options, destination)
const undo = handlers.inClone.shim((prev, kind) => {
  // The destination has lines of the parent's, and its file is closed here.
  log = pino(options, pino.destination({ dest: file('log'), sync: true }))
  prev(kind)
})
log.info('of the parent')
await Promise.all([1, 2].map((i) => run(() => log.info(`of clone ${i}`))))
destination.flushSync()
destination.end()
console.log(readFileSync(file('log'), 'utf8').trim().split('\n').sort())
remove()
undo()
