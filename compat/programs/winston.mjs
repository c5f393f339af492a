// package: winston
// parent: logs to a file
// clone: logs to a file of its own
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import winston from 'winston'
import { unique } from './lib/http.mjs'
import { folder } from './lib/services.mjs'

function open() {
  const file = join(folder(), 'log')
  return {
    file,
    logger: winston.createLogger({ transports: new winston.transports.File({ filename: file }) }),
  }
}
const { file, logger } = open()
const linesOf = (file) =>
  readFileSync(file, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line).message)
async function end({ logger, file }) {
  const [transport] = logger.transports
  logger.end()
  await once(transport, 'finish')
  return linesOf(file)
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
