// package: graceful-fs
// parent: writes and reads files
// clone: writes and reads files
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { promisify } from 'node:util'
import fs from 'graceful-fs'
import { folder } from './lib/services.mjs'

export async function use() {
  const path = join(folder(), 'a')
  await promisify(fs.writeFile)(path, 'text')
  assert.equal(await promisify(fs.readFile)(path, 'utf8'), 'text')
}
export const inClone = use
