// package: argon2
// row: `argon2`, with `parallelism: 1`
// parent: hashes
// clone: hashes
import assert from 'node:assert/strict'
import argon2 from 'argon2'
import { differ } from './lib/ids.mjs'

// With more, argon2 creates threads for each hash.
const options = { memoryCost: 1024, timeCost: 2, parallelism: 1 }

export const { use, inClone, after } = differ(async () => {
  const hash = await argon2.hash('secret', options)
  assert.equal(await argon2.verify(hash, 'secret'), true)
  // Hashes of the same password differ by their salts.
  return hash
})
