// package: proper-lockfile
// parent: holds a lock, takes and leaves others
// clone: takes one, leaves the parent's alone
import assert from 'node:assert/strict'
import { mkdtempSync } from 'node:fs'
import lockfile from 'proper-lockfile'
import { folder } from './lib/services.mjs'

const held = folder()
await lockfile.lock(held)

export async function use() {
  const path = mkdtempSync(`${held}/`)
  const release = await lockfile.lock(path)
  assert.equal(await lockfile.check(path), true)
  await release()
}
export async function inClone() {
  await assert.rejects(lockfile.lock(held), { code: 'ELOCKED' })
  await lockfile.lock(mkdtempSync(`${held}/`))
}
export const after = async () => assert.equal(await lockfile.check(held), true, 'the lock is gone')
