import { createReadStream, createWriteStream, mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'

const folder = mkdtempSync(join(tmpdir(), 'streams-'))
const [from, to] = [join(folder, 'from'), join(folder, 'to')]
const writer = createWriteStream(from)
for (let i = 0; i < 20_000; i++) writer.write(`line ${i}\n`)
await new Promise((resolve) => writer.end(resolve))
await pipeline(createReadStream(from, { start: 10, highWaterMark: 1000 }), createWriteStream(to))
console.log(statSync(from).size, statSync(to).size, writer.bytesWritten)
let first = ''
for await (const chunk of createReadStream(to, { encoding: 'utf8', end: 15 })) first += chunk
console.log(JSON.stringify(first))
rmSync(folder, { recursive: true })
