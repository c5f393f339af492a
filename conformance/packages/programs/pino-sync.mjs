import { readFileSync } from 'node:fs'
import pino from 'pino'
import { folder } from './support/folder.mjs'

const { file, remove } = folder()
const destination = pino.destination({ dest: file('log'), sync: true })
const log = pino({ base: undefined, timestamp: false, redact: ['secret'], level: 'debug' }, destination)
log.info({ secret: 'x', n: 1 }, 'hello %s', 'you')
log.child({ part: 'a' }).debug('deep')
log.error(new TypeError('bad'), 'failed')
const lines = readFileSync(file('log'), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line))
for (const line of lines) delete line.err?.stack
console.log(lines)
destination.end()
remove()
