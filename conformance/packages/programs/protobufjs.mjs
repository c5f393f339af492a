import protobuf from 'protobufjs'

const { root } = protobuf.parse(
  'syntax = "proto3"; message M { int64 id = 1; repeated string names = 2; map<string, int32> m = 3; }',
)
const M = root.lookupType('M')
const bytes = M.encode(M.create({ id: 7, names: ['a', 'b'], m: { x: 1 } })).finish()
console.log(bytes.length, M.toObject(M.decode(bytes), { longs: String }))
console.log(M.verify({ names: 'x' }))
