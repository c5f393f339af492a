import {
  appendFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const folder = mkdtempSync(join(tmpdir(), 'sync-'))
const at = (name) => join(folder, name)
writeFileSync(at('a'), 'one\n')
appendFileSync(at('a'), 'two\n')
renameSync(at('a'), at('b'))
console.log(readdirSync(folder), existsSync(at('a')), readFileSync(at('b'), 'utf8').split('\n'))
rmSync(folder, { recursive: true })
console.log(existsSync(folder))
