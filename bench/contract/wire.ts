/** More than any reply, so that those to two requests are hardly ever the same. */
const PATTERN_BYTES = 32_000_000
const PATTERN = pattern()

/** The reply to a request for `size` bytes by `token`, which no other request ever has. Costs no memory. */
export function bodyOf(token: string, size: number): Buffer {
  let hash = 0
  for (let i = 0; i < token.length; i++) hash = (Math.imul(hash, 31) + token.charCodeAt(i)) >>> 0
  const begin = Math.imul(hash, 2654435761) >>> 0
  return PATTERN.subarray(begin % (PATTERN_BYTES - size)).subarray(0, size)
}

/** Numbers, each told once, so that no two pieces of it are alike. */
function pattern(): Buffer {
  const bytes = Buffer.alloc(PATTERN_BYTES)
  for (let i = 0, at = 0; at < PATTERN_BYTES; i++) at += bytes.write(`${i};`, at, 'latin1')
  return bytes
}

/** Header by which a reply names its request. */
export const TOKEN_HEADER = 'x-token'
/** Header by which a reply names the process that wrote it, as the system does. */
export const PID_HEADER = 'x-pid'

/** Every header of a reply; one that is not here was not written by the server. */
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
