// package: chokidar
// parent: watches a folder
// clone: watches a folder of its own
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import chokidar from 'chokidar'
import { unique } from './lib/http.mjs'
import { folder } from './lib/services.mjs'

async function watch() {
  const path = folder()
  const watcher = chokidar.watch(path, { ignoreInitial: true })
  await once(watcher, 'ready')
  return { path, watcher }
}
async function addFile({ path, watcher }) {
  const file = join(path, unique())
  const added = once(watcher, 'add')
  writeFileSync(file, '')
  assert.equal((await added)[0], file)
}
const watched = await watch()

export const use = () => addFile(watched)
export const inClone = async () => addFile(await watch())
