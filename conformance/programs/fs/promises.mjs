import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const folder = await mkdtemp(join(tmpdir(), 'promises-'))
await writeFile(join(folder, 'a.txt'), 'first\n')
await writeFile(join(folder, 'a.txt'), 'second\n', { flag: 'a' })
console.log(await readFile(join(folder, 'a.txt'), 'utf8'))
console.log((await stat(join(folder, 'a.txt'))).size)
await rm(folder, { recursive: true })
