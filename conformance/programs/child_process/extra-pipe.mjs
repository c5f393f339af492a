import { spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'

const child = spawn('sh', ['-c', 'echo to three >&3; read line <&4; echo "got $line"'], {
  stdio: ['ignore', 'pipe', 'ignore', 'pipe', 'pipe'],
})
child.stdio[4].end('a line\n')
const [out, three] = await Promise.all([text(child.stdout), text(child.stdio[3])])
console.log(JSON.stringify({ out, three }))
