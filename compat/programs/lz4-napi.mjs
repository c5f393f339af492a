// package: lz4-napi
// parent: compresses
import assert from 'node:assert/strict'
import { compress, uncompress } from 'lz4-napi'

const bytes = Buffer.from('abc'.repeat(10_000))

export async function use() {
  const packed = await compress(bytes)
  assert.ok(packed.length < 3000)
  assert.ok((await uncompress(packed)).equals(bytes))
}
