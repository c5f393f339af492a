import { realpathSync } from 'node:fs'
import { tmpdir } from 'node:os'

process.env.NUMBER = 5
console.log(process.env.NUMBER, 'NUMBER' in process.env, delete process.env.NUMBER, process.env.NUMBER)
const before = process.cwd()
process.chdir('/')
console.log(process.cwd())
process.chdir(tmpdir())
console.log(process.cwd() === realpathSync(tmpdir()))
process.chdir(before)
process.title = 'renamed'
console.log(process.title)
