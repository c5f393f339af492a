// package: uuid
// parent: draws ids of versions 4 and 7
// clone: draws one of each
import assert from 'node:assert/strict'
import { v4, v7, validate } from 'uuid'
import { differ } from './lib/ids.mjs'

export const { use, inClone, after } = differ(() => {
  const ids = [v4(), v7()]
  assert.ok(ids.every(validate))
  return ids
})
