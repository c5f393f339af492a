// package: protobufjs
// parent: encodes and decodes
// clone: encodes and decodes
import assert from 'node:assert/strict'
import protobuf from 'protobufjs'

const { root } = protobuf.parse(
  'syntax = "proto3"; message Row { string name = 1; repeated int32 sizes = 2; }',
)
const Row = root.lookupType('Row')

export function use() {
  const bytes = Row.encode(Row.create({ name: 'a', sizes: [1, 2] })).finish()
  assert.deepEqual(Row.toObject(Row.decode(bytes)), { name: 'a', sizes: [1, 2] })
}
export const inClone = use
