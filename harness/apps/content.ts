import { createHash } from 'node:crypto'
import { lookup } from 'node:dns/promises'
import { readFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'

// Content of the apps' answers: the same bytes each time.

export const GREETING = 'hello\n'
export const DELIBERATE = 'a deliberate error'
export const DOWNLOAD_BYTES = 20 * 2 ** 20
/** Repetitive, as most text is. */
export const COMPRESSIBLE = Array.from({ length: 4000 }, (_, i) => `line ${i} of a text\n`).join('')

const BLOCK_BYTES = 64 * 2 ** 10
const TIMER_MS = 5
const SUPPORT = new URL('../../../conformance/programs/support/', import.meta.url)
/** Self-signed certificate for 127.0.0.1. */
export const CERTIFICATE = new URL('cert.pem', SUPPORT)
export const KEY = new URL('key.pem', SUPPORT)

/** Yields blocks of bytes, all different. */
export function* blocks(bytes = DOWNLOAD_BYTES): Generator<Buffer> {
  let x = 1
  for (let left = bytes; left > 0; left -= BLOCK_BYTES) {
    const block = Buffer.alloc(Math.min(left, BLOCK_BYTES))
    for (let i = 0; i + 4 <= block.length; i += 4) {
      x = (Math.imul(x, 1664525) + 1013904223) >>> 0
      block.writeUInt32LE(x, i)
    }
    yield block
  }
}

/** Answer to an upload. */
export interface Digest {
  bytes: number
  sha256: string
}

export async function digest(body: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<Digest> {
  const hash = createHash('sha256')
  let bytes = 0
  for await (const chunk of body) {
    hash.update(chunk)
    bytes += chunk.length
  }
  return { bytes, sha256: hash.digest('hex') }
}

/** Waits for a timer, a name lookup and a file. */
export async function consult(): Promise<{ address: string; bytes: number }> {
  await delay(TIMER_MS)
  const { address } = await lookup('localhost', { family: 4 })
  const { length: bytes } = await readFile(CERTIFICATE)
  return { address, bytes }
}

/** Answer to `/json/ID?QUERY`. */
export function item(id: string, query: unknown) {
  return { id, query, list: [1, 2.5, null, 'ä'], nested: { yes: true } }
}
