import { spawn } from 'node:child_process'
import { once } from 'node:events'

const child = spawn('cat')
await once(child, 'spawn')
console.log(child.kill(), child.killed)
console.log(await once(child, 'close'), child.signalCode, child.kill())
const controller = new AbortController()
const aborted = spawn('cat', { signal: controller.signal })
aborted.on('error', ({ name, code }) => console.log(name, code))
aborted.on('exit', (code, signal) => console.log(code, signal))
controller.abort()
