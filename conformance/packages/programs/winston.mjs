import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import winston from 'winston'
import { folder } from './support/folder.mjs'

const { file, remove } = folder()
const { combine, json, printf, errors } = winston.format
const transport = new winston.transports.File({ filename: file('log') })
const log = winston.createLogger({
  level: 'debug',
  format: combine(errors(), json()),
  defaultMeta: { service: 's' },
  transports: [transport],
})
for (let i = 0; i < 100; i++) log.debug('line', { i })
log.child({ part: 'a' }).warn('careful')
const finished = once(transport, 'finish')
log.end()
await finished
const lines = readFileSync(file('log'), 'utf8').trim().split('\n')
console.log(lines.length, JSON.parse(lines[0]), JSON.parse(lines.at(-1)))
console.log(
  printf(({ level, message }) => `${level}: ${message}`).transform({ level: 'a', message: 'b' })[
    Symbol.for('message')
  ],
)
remove()
