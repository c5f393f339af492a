import { exec, execFile } from 'node:child_process'
import { promisify } from 'node:util'

const { stdout, stderr } = await promisify(exec)('echo out; echo err >&2')
console.log(JSON.stringify({ stdout, stderr }))
console.log((await promisify(execFile)(process.execPath, ['-p', '6 * 7'])).stdout.trim())
exec('exit 5', (error) => console.log(error.code, error.killed, error.message.trim()))
execFile('no-such-command-at-all', (error) => console.log(error.code, error.syscall))
