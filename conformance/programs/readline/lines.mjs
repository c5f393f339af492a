import { createInterface } from 'node:readline'
import { Readable } from 'node:stream'

const lines = createInterface({ input: Readable.from(['one\ntw', 'o\r\n', 'three']) })
lines.on('line', (line) => console.log(JSON.stringify(line)))
lines.on('close', () => console.log('close'))
