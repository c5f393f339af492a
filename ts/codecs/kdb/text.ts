import { isUtf8 } from 'node:buffer'

/** Length from which Node's `isUtf8` is faster than a loop. */
const SHORT_BYTES = 24
const FIRST_NOT_ASCII = 0x80

/**
Decodes bytes as UTF-8, or as Latin-1 if they are not UTF-8, so that nothing is lost and old clients are understood.
*/
export function textOf(bytes: Buffer, from = 0, to = bytes.length): string {
  const isUtf = isShortAscii(bytes, from, to) || isUtf8(bytes.subarray(from, to))
  return bytes.toString(isUtf ? 'utf8' : 'latin1', from, to)
}

function isShortAscii(bytes: Buffer, from: number, to: number): boolean {
  if (to - from > SHORT_BYTES) return false
  for (let at = from; at < to; at++) if ((bytes[at] as number) >= FIRST_NOT_ASCII) return false
  return true
}
