import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip, createGzip } from 'node:zlib'

const hash = createHash('sha1')
const source = Readable.from(Array.from({ length: 300 }, (_, i) => Buffer.alloc(5000, i)))
let bytes = 0
await pipeline(source, createGzip({ level: 1 }), createGunzip(), async (chunks) => {
  for await (const chunk of chunks) {
    bytes += chunk.length
    hash.update(chunk)
  }
})
console.log(bytes, hash.digest('hex'))
