import { mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const folder = await mkdtemp(join(tmpdir(), 'handle-'))
const file = await open(join(folder, 'lines'), 'w+')
await file.write('first\nsecond\nthird\n')
await file.write(Buffer.from('FIRST'), 0, 5, 0)
const { bytesRead, buffer } = await file.read(Buffer.alloc(5), 0, 5, 6)
console.log(bytesRead, buffer.toString('latin1', 0, bytesRead))
for await (const line of file.readLines({ start: 0, autoClose: false })) console.log(line)
await file.truncate(6)
console.log((await file.stat()).size)
await file.sync()
await file.close()
await rm(folder, { recursive: true })
