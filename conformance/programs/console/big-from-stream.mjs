// reader: slow
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'

const lines = Array.from({ length: 3000 }, (_, i) => `${i} ${'-'.repeat(500)}\n`)
await pipeline(Readable.from(lines), process.stdout, { end: false })
console.log('end')
