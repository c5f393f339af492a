// package: archiver
// parent: packs an archive
// clone: packs one
import assert from 'node:assert/strict'
import { buffer } from 'node:stream/consumers'
import { ZipArchive } from 'archiver'

export async function use() {
  const archive = new ZipArchive({ zlib: { level: 9 } })
  archive.append('abc'.repeat(1000), { name: 'a.txt' })
  archive.finalize()
  assert.equal((await buffer(archive)).toString('latin1', 0, 2), 'PK')
}
export const inClone = use
