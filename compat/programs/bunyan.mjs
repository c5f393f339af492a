// package: bunyan
// parent: logs to a stream
// clone: logs to a file of its own
import assert from 'node:assert/strict'
import { createWriteStream } from 'node:fs'
import { join } from 'node:path'
import { finished } from 'node:stream/promises'
import bunyan from 'bunyan'
import { unique } from './lib/http.mjs'
import { messagesIn } from './lib/logs.mjs'
import { folder } from './lib/services.mjs'

function open() {
  const file = join(folder(), 'log')
  const stream = createWriteStream(file)
  return { file, stream, logger: bunyan.createLogger({ name: 'compat', stream }) }
}
const ofParent = open()
async function end({ file, stream }) {
  stream.end()
  await finished(stream)
  return messagesIn(file, 'msg')
}

export const use = () => ofParent.logger.info(unique())
export async function inClone() {
  const own = open()
  own.logger.info('here')
  assert.deepEqual(await end(own), ['here'])
}
export async function after() {
  const lines = await end(ofParent)
  assert.equal(new Set(lines).size, lines.length, 'written twice')
}
