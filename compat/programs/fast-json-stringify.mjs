// package: fast-json-stringify
// parent: serializes
// clone: serializes
import assert from 'node:assert/strict'
import build from 'fast-json-stringify'

const stringify = build({
  type: 'object',
  properties: { name: { type: 'string' }, size: { type: 'integer' } },
})

export const use = () =>
  assert.equal(stringify({ name: 'a"b', size: 1, other: 2 }), '{"name":"a\\"b","size":1}')
export const inClone = use
