// package: fs-extra
// parent: writes and reads files
// clone: writes and reads files
import assert from 'node:assert/strict'
import { join } from 'node:path'
import fs from 'fs-extra'
import { folder } from './lib/services.mjs'

export async function use() {
  const path = join(folder(), 'a/b.json')
  await fs.outputJson(path, { a: 1 })
  assert.deepEqual(await fs.readJson(path), { a: 1 })
  await fs.remove(path)
}
export const inClone = use
