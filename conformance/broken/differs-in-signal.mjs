// ends: SIGTERM
import { isClone } from 'node-qclone'

console.log('the same')
process.kill(process.pid, isClone() ? 'SIGKILL' : 'SIGTERM')
setInterval(() => {}, 1000)
