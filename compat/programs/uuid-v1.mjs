// package: uuid
// row: `uuid`, version 1
// parent: draws ids
// clone: draws one
import assert from 'node:assert/strict'
import { v1 } from 'uuid'

/** Part of an id that differs between processes that draw at the same time. */
const processOf = (id) => id.slice('xxxxxxxx-xxxx-xxxx-'.length)
const own = processOf(v1())

export const use = () => assert.equal(processOf(v1()), own)
export const inClone = () => processOf(v1())
export const after = (values) =>
  assert.ok(!values.includes(own), 'clones have the node and sequence of their parent: ids can repeat')
