// package: log4js
// parent: logs to a file
// clone: logs to memory
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import log4js from 'log4js'
import { unique } from './lib/http.mjs'
import { folder } from './lib/services.mjs'

const filename = join(folder(), 'log')
log4js.configure({
  appenders: {
    file: { type: 'file', filename, layout: { type: 'messagePassThrough' } },
    memory: { type: 'recording' },
  },
  categories: {
    default: { appenders: ['file'], level: 'info' },
    memory: { appenders: ['memory'], level: 'info' },
  },
})
const logger = log4js.getLogger()

export async function use() {
  logger.info(unique())
  // If entries arrive faster than log4js writes them, it takes long to finish at its end.
  await delay(1)
}
export function inClone() {
  log4js.getLogger('memory').info('here')
  assert.equal(log4js.recording().replay()[0].data[0], 'here')
}
export async function after() {
  await promisify(log4js.shutdown)()
  const lines = readFileSync(filename, 'utf8').trim().split('\n')
  assert.equal(new Set(lines).size, lines.length, 'written twice')
}
