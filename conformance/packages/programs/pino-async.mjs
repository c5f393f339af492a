import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import pino from 'pino'
import { folder } from './support/folder.mjs'

const { file, remove } = folder()
const destination = pino.destination({ dest: file('log'), sync: false, minLength: 4096 })
await once(destination, 'ready')
const log = pino({ base: undefined, timestamp: false }, destination)
for (let i = 0; i < 500; i++) log.info({ i }, 'line')
await new Promise((resolve) => log.flush(resolve))
destination.end()
await once(destination, 'close')
const lines = readFileSync(file('log'), 'utf8').trim().split('\n')
console.log(lines.length, lines[0], lines.at(-1))
remove()
