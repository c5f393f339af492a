// package: argon2
// parent: hashes
// clone: hashes
import assert from 'node:assert/strict'
import argon2 from 'argon2'
import { differ } from './lib/ids.mjs'

export const { use, inClone, after } = differ(async () => {
  const hash = await argon2.hash('secret', { memoryCost: 1024, timeCost: 2 })
  assert.equal(await argon2.verify(hash, 'secret'), true)
  // Hashes of the same password differ by their salts.
  return hash
})
