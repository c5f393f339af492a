import { mkdtempSync, rmSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const folder = mkdtempSync(join(tmpdir(), 'parallel-'))
const files = Array.from({ length: 100 }, (_, i) => join(folder, String(i)))
await Promise.all(files.map((file, i) => writeFile(file, String(i).repeat(i))))
const lengths = await Promise.all(files.map(async (file) => (await readFile(file)).length))
console.log(lengths.reduce((sum, n) => sum + n))
rmSync(folder, { recursive: true })
