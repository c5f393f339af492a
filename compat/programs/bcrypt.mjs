// package: bcrypt
// parent: hashes
// clone: hashes
import assert from 'node:assert/strict'
import bcrypt from 'bcrypt'
import { differ } from './lib/ids.mjs'

export const { use, inClone, after } = differ(async () => {
  const hash = await bcrypt.hash('secret', 4)
  assert.equal(await bcrypt.compare('secret', hash), true)
  // The salt.
  return hash.slice(0, 29)
})
