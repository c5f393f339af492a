import { Buffer } from 'node:buffer'
import { ProtocolError } from '../codec.js'

/** Offset of a message's body, after its head. */
const BODY_AT = 8
/** Maximum number of bytes that a reference stands for: two, and as many more as a byte can count. */
const LONGEST_MATCH = 2 + 255
const BITS = 8
/** Size of the densest group: a byte of flags and eight references of two bytes. */
const DENSEST_BYTES = 1 + 2 * BITS

/**
Uncompresses a message. Eight meaningless bytes replace its head.

A byte of flags describes the eight items after it, lowest bit first: 0 is a literal byte, 1 a reference to earlier
bytes. A reference is a hash and a length. The hash, both bytes of a pair combined by XOR, stands for the last place
with such a pair.

@param packed the bytes after the uncompressed length.
@param length uncompressed length of the message, head included. The caller has checked that it is not too long.
@throws {ProtocolError} if the message does not have that length, or has an invalid reference.
*/
export function uncompress(packed: Uint8Array, length: number): Buffer {
  // Checked before memory is allocated.
  if ((length - BODY_AT) / (LONGEST_MATCH * BITS) > packed.length / DENSEST_BYTES + 1) {
    throw new ProtocolError(`A compressed message of ${packed.length} bytes cannot hold ${length} bytes`)
  }
  // Every byte is written below.
  const bytes = Buffer.allocUnsafeSlow(length).fill(0, 0, BODY_AT)
  const places = new Int32Array(256)
  let from = 0
  let at = BODY_AT
  /** Offset of the first pair of bytes that is not in `places` yet. */
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
        throw new ProtocolError('A compressed message has an invalid reference')
      const end = at + matched
      // Byte by byte, since source and target can overlap.
      const until = at + 1
      while (at < end) bytes[at++] = bytes[source++] as number
      for (; noted < until; noted++) places[pairAt(bytes, noted)] = noted
      noted = at
    } else {
      bytes[at++] = byteAt(packed, from++)
      for (; noted < at - 1; noted++) places[pairAt(bytes, noted)] = noted
    }
  }
  if (from < packed.length) throw new ProtocolError('A compressed message continues after its end')
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
