import { isUtf8 } from 'node:buffer'

/** From here on Node's own look at bytes is faster than ours. */
const SHORT_BYTES = 24
const FIRST_NOT_ASCII = 0x80

/** Bytes as text: Latin-1 where they are no UTF-8, so that nothing is lost and old clients are understood. */
export function textOf(bytes: Buffer, from = 0, to = bytes.length): string {
  const isUtf = isShortAscii(bytes, from, to) || isUtf8(bytes.subarray(from, to))
  return bytes.toString(isUtf ? 'utf8' : 'latin1', from, to)
}

function isShortAscii(bytes: Buffer, from: number, to: number): boolean {
  if (to - from > SHORT_BYTES) return false
  for (let at = from; at < to; at++) if ((bytes[at] as number) >= FIRST_NOT_ASCII) return false
  return true
}
