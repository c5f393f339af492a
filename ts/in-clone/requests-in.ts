import { Buffer } from 'node:buffer'

/** Bytes or text that a stream hands to its socket: from a single write, or from one of several corked writes. */
export type Chunk = string | Uint8Array | { readonly chunk: string | Uint8Array }

/** PostgreSQL message types. */
const SYNC = 0x53
const QUERY = 0x51

/** Size of a message's type and length in bytes. The length counts itself but not the type. */
const HEADER_BYTES = 5

/** Major version of the PostgreSQL protocol, in the untyped message that begins a connection. */
const POSTGRES_VERSION = 3

/** Returns the number of requests in chunks written together, or more if the number is unknown. */
export function requestsIn(chunks: readonly Chunk[]): number {
  const [first = ''] = chunks
  if (!beginsRedis(bytesOf(first))) return chunks.length
  let count = 0
  for (const chunk of chunks) count += redisCommandsIn(bytesOf(chunk))
  return count
}

/** Returns whether the first chunks written to a connection come from a PostgreSQL client. */
export function beginsPostgres(chunks: readonly Chunk[]): boolean {
  const [first = ''] = chunks
  const bytes = bytesOf(first)
  if (chunks.length > 1 || typeof bytes === 'string' || bytes.length <= 8) return false
  return lengthAt(bytes, 0) === bytes.length && lengthAt(bytes, 4) >>> 16 === POSTGRES_VERSION
}

/**
Returns the number of requests in chunks that a PostgreSQL client writes together. A request is several messages up to a
`Sync`, or a `Query`. Returns `undefined` if the chunks are not whole messages.
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

/** Returns the number of commands in a chunk, or more: none if it continues an argument, several in a pipeline. */
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
