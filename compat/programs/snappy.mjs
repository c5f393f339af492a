// package: snappy
// parent: compresses
import assert from 'node:assert/strict'
import { compress, uncompress } from 'snappy'

const text = 'abc'.repeat(10_000)

export async function use() {
  const bytes = await compress(text)
  assert.ok(bytes.length < 3000)
  assert.equal(await uncompress(bytes, { asBuffer: false }), text)
}
