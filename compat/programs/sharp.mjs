// package: sharp
// parent: resizes images
import assert from 'node:assert/strict'
import sharp from 'sharp'

const create = { width: 400, height: 300, channels: 3, background: 'red' }

export async function use() {
  const { info } = await sharp({ create }).resize(40).png().toBuffer({ resolveWithObject: true })
  assert.deepEqual([info.width, info.height], [40, 30])
}
