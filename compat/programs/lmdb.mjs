// package: lmdb
// parent: puts and gets
import assert from 'node:assert/strict'
import { open } from 'lmdb'
import { unique } from './lib/http.mjs'
import { folder } from './lib/services.mjs'

const database = open({ path: folder() })

export async function use() {
  const key = unique()
  await database.put(key, { key })
  assert.deepEqual(database.get(key), { key })
}
