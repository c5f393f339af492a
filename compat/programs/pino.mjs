// package: pino
// parent: logs to a file, asynchronously
// clone: logs to a file of its own
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { join } from 'node:path'
import pino from 'pino'
import { unique } from './lib/http.mjs'
import { messagesIn } from './lib/logs.mjs'
import { folder } from './lib/services.mjs'

async function open() {
  const file = join(folder(), 'log')
  const destination = pino.destination({ dest: file, sync: false })
  await once(destination, 'ready')
  return { file, destination, logger: pino(destination) }
}
const ofParent = await open()
async function end({ file, destination }) {
  destination.end()
  await once(destination, 'close')
  return messagesIn(file, 'msg')
}

export const use = () => ofParent.logger.info(unique())
export async function inClone() {
  const own = await open()
  own.logger.info('here')
  assert.deepEqual(await end(own), ['here'])
}
export async function after() {
  const lines = await end(ofParent)
  assert.equal(new Set(lines).size, lines.length, 'written twice')
}
