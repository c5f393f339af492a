// package: winston
// parent: logs to a file
// clone: logs to a file of its own
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { join } from 'node:path'
import winston from 'winston'
import { unique } from './lib/http.mjs'
import { messagesIn } from './lib/logs.mjs'
import { folder } from './lib/services.mjs'

function open() {
  const file = join(folder(), 'log')
  return {
    file,
    logger: winston.createLogger({ transports: new winston.transports.File({ filename: file }) }),
  }
}
const { file, logger } = open()
async function end({ logger, file }) {
  const [transport] = logger.transports
  logger.end()
  await once(transport, 'finish')
  return messagesIn(file, 'message')
}

export const use = () => {
  logger.info(unique())
}
export async function inClone() {
  const own = open()
  own.logger.info('here')
  assert.deepEqual(await end(own), ['here'])
}
export async function after() {
  const lines = await end({ logger, file })
  assert.equal(new Set(lines).size, lines.length, 'written twice')
}
