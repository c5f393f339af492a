// package: uuid
// parent: draws ids
// clone: draws one of each kind
import assert from 'node:assert/strict'
import { v1, v4, v7, validate } from 'uuid'
import { differ } from './lib/ids.mjs'

export const { use, inClone, after } = differ(() => {
  const ids = [v1(), v4(), v7()]
  assert.ok(ids.every(validate))
  return ids
})
