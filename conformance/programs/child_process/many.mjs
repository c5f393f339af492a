import { spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'

const outputs = await Promise.all(
  Array.from({ length: 12 }, (_, i) => text(spawn('echo', [`child ${i}`]).stdout)),
)
process.stdout.write(outputs.join(''))
