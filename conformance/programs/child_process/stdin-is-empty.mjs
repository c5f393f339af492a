import { spawnSync } from 'node:child_process'

const { stdout } = spawnSync('cat', { stdio: ['inherit', 'pipe', 'inherit'] })
console.log('bytes of our stdin:', stdout.length)
