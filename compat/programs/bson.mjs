// package: bson
// parent: serializes documents with ids
// clone: serializes one
import assert from 'node:assert/strict'
import { deserialize, ObjectId, serialize } from 'bson'
import { differ } from './lib/ids.mjs'

export const { use, inClone, after } = differ(() => {
  const _id = new ObjectId()
  assert.ok(deserialize(serialize({ _id, rows: [1, 2] }))._id.equals(_id))
  return String(_id)
})
