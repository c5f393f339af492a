// package: zstd-napi
// parent: compresses
// clone: compresses
import assert from 'node:assert/strict'
import { compress, decompress } from 'zstd-napi'

const bytes = Buffer.from('abc'.repeat(10_000))

export function use() {
  const packed = compress(bytes)
  assert.ok(packed.length < 3000)
  assert.ok(decompress(packed).equals(bytes))
}
export const inClone = use
