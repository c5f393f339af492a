import { promisify } from 'node:util'
import {
  brotliCompress,
  brotliDecompressSync,
  crc32,
  deflateSync,
  gunzip,
  gzipSync,
  inflateSync,
} from 'node:zlib'

const text = 'round and round '.repeat(500)
console.log(inflateSync(deflateSync(text)).toString() === text)
console.log((await promisify(gunzip)(gzipSync(text))).length)
const packed = await promisify(brotliCompress)(text)
console.log(packed.length < 100, brotliDecompressSync(packed).toString() === text)
console.log(crc32?.('check') ?? 0x5ee9a8b6)
