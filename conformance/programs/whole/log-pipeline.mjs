import { spawn } from 'node:child_process'
import { createReadStream, createWriteStream, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { pipeline } from 'node:stream/promises'
import { createGunzip, createGzip } from 'node:zlib'

const folder = mkdtempSync(join(tmpdir(), 'log-'))
const file = join(folder, 'log.gz')
await pipeline(spawn('seq', ['1', '3000']).stdout, createGzip(), createWriteStream(file))
let [lines, sum] = [0, 0]
for await (const line of createInterface({ input: createReadStream(file).pipe(createGunzip()) })) {
  lines++
  sum += Number(line)
}
console.log(lines, sum)
rmSync(folder, { recursive: true })
