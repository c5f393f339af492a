// package: classic-level
// parent: puts and gets, enough for compactions
import assert from 'node:assert/strict'
import { ClassicLevel } from 'classic-level'
import { unique } from './lib/http.mjs'
import { folder } from './lib/services.mjs'

const level = new ClassicLevel(folder(), { valueEncoding: 'buffer', writeBufferSize: 2 ** 18 })
const value = Buffer.alloc(2 ** 16, 'abc')

export async function use() {
  const key = unique()
  await level.put(key, value)
  assert.ok((await level.get(key)).equals(value))
}
