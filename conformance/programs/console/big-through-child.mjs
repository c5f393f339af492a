// reader: slow
import { spawn } from 'node:child_process'

const child = spawn(
  process.execPath,
  ['-e', "for (let i = 0; i < 15000; i++) console.log('child', i, '='.repeat(80))"],
  {
    stdio: ['ignore', 'inherit', 'inherit'],
  },
)
child.on('exit', (code) => console.log('child left', code))
