import { spawn } from 'node:child_process'
import { once } from 'node:events'

console.log('before')
const child = spawn(process.execPath, ['-e', "console.log('from the child'); process.exitCode = 4"], {
  stdio: ['ignore', 'inherit', 'inherit'],
})
console.log(await once(child, 'exit'))
console.log('after')
