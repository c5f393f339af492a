// package: dotenv
// parent: reads a file of settings
// clone: reads it
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import dotenv from 'dotenv'
import { folder } from './lib/services.mjs'

const path = join(folder(), '.env')
writeFileSync(path, 'COMPAT_NAME="a b"\n')

export function use() {
  const { parsed, error } = dotenv.config({ path, quiet: true, override: true })
  assert.ifError(error)
  assert.deepEqual([parsed.COMPAT_NAME, process.env.COMPAT_NAME], ['a b', 'a b'])
}
export const inClone = use
