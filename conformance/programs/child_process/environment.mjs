import { execFileSync } from 'node:child_process'
import { realpathSync } from 'node:fs'
import { tmpdir } from 'node:os'

process.env.FROM_PROGRAM = 'set here'
const ask = (script, options) =>
  execFileSync(process.execPath, ['-p', script], { encoding: 'utf8', ...options }).trim()
console.log(ask('process.env.FROM_PROGRAM'))
console.log(ask('Object.keys(process.env).includes("FROM_PROGRAM")', { env: {} }))
console.log(ask('process.cwd()', { cwd: tmpdir() }) === realpathSync(tmpdir()))
console.log(Number(ask('process.ppid')) === process.pid)
