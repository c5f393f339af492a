/** Much larger than any reply, so that two replies are hardly ever equal. */
const PATTERN_BYTES = 32_000_000
const PATTERN = pattern()

/** Reply to a request for `size` bytes with a unique `token`. Allocates nothing. */
export function bodyOf(token: string, size: number): Buffer {
  let hash = 0
  for (let i = 0; i < token.length; i++) hash = (Math.imul(hash, 31) + token.charCodeAt(i)) >>> 0
  const begin = Math.imul(hash, 2654435761) >>> 0
  return PATTERN.subarray(begin % (PATTERN_BYTES - size)).subarray(0, size)
}

/** Consecutive numbers, so that no two chunks are alike. */
function pattern(): Buffer {
  const bytes = Buffer.alloc(PATTERN_BYTES)
  for (let i = 0, at = 0; at < PATTERN_BYTES; i++) at += bytes.write(`${i};`, at, 'latin1')
  return bytes
}

/** Reply header with the token of the request. */
export const TOKEN_HEADER = 'x-token'
/** Reply header with the pid that the kernel reports. */
export const PID_HEADER = 'x-pid'

/** All headers of a reply. The server writes no others. */
export const HEADERS: readonly string[] = [
  'connection',
  'content-length',
  'content-type',
  'date',
  'keep-alive',
  PID_HEADER,
  TOKEN_HEADER,
]
export const CONTENT_TYPE = 'application/octet-stream'
export const STATUS_LINE = 'HTTP/1.1 200 OK'
