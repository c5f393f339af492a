import { mkdtempSync } from 'node:fs'
import { cp, mkdir, opendir, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'

const folder = mkdtempSync(join(tmpdir(), 'folders-'))
await mkdir(join(folder, 'a/b/c'), { recursive: true })
await Promise.all(['a/1', 'a/b/2', 'a/b/c/3'].map((name) => writeFile(join(folder, name), name)))
await cp(join(folder, 'a'), join(folder, 'copy'), { recursive: true })
console.log((await readdir(folder, { recursive: true })).sort())
const found = []
for await (const entry of await opendir(join(folder, 'copy'), { recursive: true })) {
  if (entry.isFile()) found.push(relative(folder, join(entry.parentPath, entry.name)))
}
console.log(found.sort())
await rm(folder, { recursive: true })
