import { Buffer } from 'node:buffer'
import { ProtocolError } from '../codec.js'

/** Where the body of a message begins, behind its head. */
const BODY_AT = 8
/** What a reference stands for at most: two bytes, and as many more as a byte can say. */
const LONGEST_MATCH = 2 + 255
const BITS = 8
/** Eight references, of two bytes each, and the byte that says they are some. */
const DENSEST_BYTES = 1 + 2 * BITS

/**
The message that was compressed, with eight bytes of no meaning in place of its head.

Each byte of flags says of the eight items behind it, lowest bit first, which are a byte as it is (0) and which refer
to bytes before (1). A reference is a hash and a length: the hash, both bytes of a pair combined by XOR, stands for the
last place where such a pair was.

@param packed what stands behind the length.
@param length of the message when uncompressed, its head included. The caller has checked that it is not too long.
@throws {ProtocolError} when it is not of just that length, or refers to what is not there.
*/
export function uncompress(packed: Uint8Array, length: number): Buffer {
  // Before memory is taken for what cannot come.
  if ((length - BODY_AT) / (LONGEST_MATCH * BITS) > packed.length / DENSEST_BYTES + 1) {
    throw new ProtocolError(`A message of ${packed.length} bytes does not hold ${length} compressed ones`)
  }
  // All of it is written below.
  const bytes = Buffer.allocUnsafeSlow(length).fill(0, 0, BODY_AT)
  const places = new Int32Array(256)
  let from = 0
  let at = BODY_AT
  /** The first pair of bytes that is not in `places` yet. */
  let noted = BODY_AT
  let flags = 0
  let bit = BITS
  while (at < length) {
    if (bit === BITS) {
      flags = byteAt(packed, from++)
      bit = 0
    }
    const isReference = (flags >> bit++) & 1
    if (isReference) {
      let source = places[byteAt(packed, from++)] as number
      const matched = 2 + byteAt(packed, from++)
      if (source === 0 || at + matched > length)
        throw new ProtocolError('A compressed message refers beyond itself')
      const end = at + matched
      // Byte by byte: what is copied may itself be part of what to copy.
      const until = at + 1
      while (at < end) bytes[at++] = bytes[source++] as number
      for (; noted < until; noted++) places[pairAt(bytes, noted)] = noted
      noted = at
    } else {
      bytes[at++] = byteAt(packed, from++)
      for (; noted < at - 1; noted++) places[pairAt(bytes, noted)] = noted
    }
  }
  if (from < packed.length) throw new ProtocolError('A compressed message goes on behind its end')
  return bytes
}

function byteAt(bytes: Uint8Array, at: number): number {
  const byte = bytes[at]
  if (byte === undefined) throw new ProtocolError('A compressed message ends too early')
  return byte
}

function pairAt(bytes: Uint8Array, at: number): number {
  return (bytes[at] as number) ^ (bytes[at + 1] as number)
}
