// package: classic-level
// parent: puts and gets
import assert from 'node:assert/strict'
import { ClassicLevel } from 'classic-level'
import { unique } from './lib/http.mjs'
import { folder } from './lib/services.mjs'

const level = new ClassicLevel(folder())

export async function use() {
  const key = unique()
  await level.put(key, key)
  assert.equal(await level.get(key), key)
}
