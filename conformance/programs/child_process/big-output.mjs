import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'

const script = "process.stdout.write('x'.repeat(1_500_000))"
let bytes = 0
const child = spawn(process.execPath, ['-e', script])
child.stdout.on('data', (chunk) => {
  bytes += chunk.length
})
await once(child, 'close')
console.log(bytes)
execFile(process.execPath, ['-e', script], { maxBuffer: 1000 }, (error, stdout) => {
  console.log(error.code, stdout.length)
})
