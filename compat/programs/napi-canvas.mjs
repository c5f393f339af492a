// package: @napi-rs/canvas
// parent: draws and encodes
import assert from 'node:assert/strict'
import { createCanvas } from '@napi-rs/canvas'

export async function use() {
  const canvas = createCanvas(100, 100)
  const context = canvas.getContext('2d')
  context.fillStyle = 'red'
  context.fillRect(0, 0, 50, 50)
  assert.deepEqual([...context.getImageData(10, 10, 1, 1).data], [255, 0, 0, 255])
  assert.equal((await canvas.encode('png')).toString('latin1', 1, 4), 'PNG')
}
