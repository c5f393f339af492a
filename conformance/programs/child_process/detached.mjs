import { spawn } from 'node:child_process'
import { once } from 'node:events'

const child = spawn('sh', ['-c', 'kill -TERM $$'], { stdio: 'ignore', detached: true })
console.log(await once(child, 'exit'))
const quiet = spawn(process.execPath, ['-e', ''], { stdio: 'ignore' })
quiet.unref()
console.log(typeof quiet.pid)
quiet.ref()
quiet.on('exit', (code) => console.log('exit', code))
