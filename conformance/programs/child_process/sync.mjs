import { execFileSync, execSync, spawnSync } from 'node:child_process'

console.log(execSync('echo sync').toString().trim())
console.log(execFileSync('cat', { input: 'given' }).toString())
const { status, signal, stdout, stderr } = spawnSync('sh', ['-c', 'echo a; echo b >&2; exit 9'], {
  encoding: 'utf8',
})
console.log({ status, signal, stdout, stderr })
console.log(spawnSync('sh', ['-c', 'kill -9 $$']).signal, spawnSync('not-there-at-all').error.code)
try {
  execFileSync('sleep', ['10'], { timeout: 20 })
} catch ({ code, signal }) {
  console.log(code, signal)
}
