import { Buffer } from 'node:buffer'

/** Bytes or text that a stream hands to its socket: with one write, or with one of several that were corked. */
export type Chunk = string | Uint8Array | { readonly chunk: string | Uint8Array }

/** Types of PostgreSQL's messages. */
const SYNC = 0x53
const QUERY = 0x51

/** Bytes of a type and a length, which counts itself and not the type. */
const HEADER_BYTES = 5

/** Major version of PostgreSQL's protocol, in the message without a type that begins a connection. */
const POSTGRES_VERSION = 3

/** Returns the number of requests in what is written together; more where that cannot be told. */
export function requestsIn(chunks: readonly Chunk[]): number {
  const [first = ''] = chunks
  if (!beginsRedis(bytesOf(first))) return chunks.length
  let count = 0
  for (const chunk of chunks) count += redisCommandsIn(bytesOf(chunk))
  return count
}

/** Returns whether what is written first to a connection is a client of PostgreSQL's. */
export function beginsPostgres(chunks: readonly Chunk[]): boolean {
  const [first = ''] = chunks
  const bytes = bytesOf(first)
  if (chunks.length > 1 || typeof bytes === 'string' || bytes.length <= 8) return false
  return lengthAt(bytes, 0) === bytes.length && lengthAt(bytes, 4) >>> 16 === POSTGRES_VERSION
}

/**
Returns the number of requests in what a client of PostgreSQL writes together: each is several messages, up to a `Sync`,
or a `Query`. Returns `undefined` if these are not whole messages.
*/
export function postgresRequestsIn(chunks: readonly Chunk[]): number | undefined {
  let count = 0
  for (const chunk of chunks) {
    const bytes = bytesOf(chunk)
    if (typeof bytes === 'string') return undefined
    let at = 0
    while (at + HEADER_BYTES <= bytes.length) {
      if (bytes[at] === SYNC || bytes[at] === QUERY) count++
      at += 1 + lengthAt(bytes, at + 1)
    }
    if (at !== bytes.length) return undefined
  }
  return count
}

function beginsRedis(chunk: string | Uint8Array): boolean {
  return typeof chunk === 'string' ? chunk.startsWith('*') : chunk[0] === 0x2a
}

/** Returns the number of commands in a chunk, or more: none in one that goes on with an argument, several in a pipeline. */
function redisCommandsIn(chunk: string | Uint8Array): number {
  if (!beginsRedis(chunk)) return 0
  const text =
    typeof chunk === 'string' ? chunk : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
  let count = 1
  for (let at = text.indexOf('\r\n*'); at >= 0; at = text.indexOf('\r\n*', at + 3)) count++
  return count
}

function bytesOf(chunk: Chunk): string | Uint8Array {
  return typeof chunk === 'object' && 'chunk' in chunk ? chunk.chunk : chunk
}

function lengthAt(bytes: Uint8Array, at: number): number {
  const [a = 0, b = 0, c = 0, d = 0] = [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]
  return ((a << 24) | (b << 16) | (c << 8) | d) >>> 0
}
