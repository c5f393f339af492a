import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

const folder = mkdtempSync(join(tmpdir(), 'esm-'))
writeFileSync(join(folder, 'a.mjs'), "import { b } from './b.mjs'\nexport default ['a', b]\n")
writeFileSync(
  join(folder, 'b.mjs'),
  "console.log('b is evaluated')\nexport const b = await Promise.resolve('b')\n",
)
const url = pathToFileURL(join(folder, 'a.mjs')).href
const [first, again] = await Promise.all([import(url), import(url)])
console.log(first.default, first === again)
rmSync(folder, { recursive: true })
