import { Buffer } from 'node:buffer'

const HEAD_BYTES = 8
/** Offset of the compressed bytes, after the head and the uncompressed length. */
const PACKED_AT = HEAD_BYTES + 4
const COMPRESSED_AT = 2
const LENGTH_AT = 4
/** Length of a message's end, where no pairs are searched for. */
const TAIL_BYTES = 3
const MOST_MORE = 255
const BITS = 8
/** Maximum size of a group: a byte of flags and eight items of two bytes. */
const MOST_GROUP_BYTES = 1 + 2 * BITS

/**
Compresses a message to the format that `uncompress` describes, byte for byte as q does. Returns undefined if the result
takes more than half of its length.
*/
export function compress(message: Buffer): Buffer | undefined {
  const { length } = message
  const packed = Buffer.allocUnsafeSlow(Math.floor(length / 2))
  if (packed.length < PACKED_AT) return undefined
  packed.set(message.subarray(0, HEAD_BYTES))
  packed[COMPRESSED_AT] = 1
  packed.writeInt32LE(length, HEAD_BYTES)
  const places = new Int32Array(256)
  let to = PACKED_AT
  let at = HEAD_BYTES
  /**
  Offset of a byte written literally. Its pair is recorded one item later, since the reader does not know it earlier.
  */
  let pending = 0
  while (at < length) {
    if (to > packed.length - MOST_GROUP_BYTES) return undefined
    const flagsAt = to++
    let flags = 0
    for (let bit = 0; bit < BITS && at < length; bit++) {
      const pair = pairAt(message, at)
      const place = at > length - TAIL_BYTES ? 0 : (places[pair] as number)
      if (pending > 0) places[pairAt(message, pending)] = pending
      pending = 0
      if (place === 0 || message[at] !== message[place]) {
        pending = at
        packed[to++] = message[at++] as number
        continue
      }
      flags |= 1 << bit
      places[pair] = at
      const more = matchFrom(message, place + 2, at + 2)
      packed[to++] = pair
      packed[to++] = more
      at += 2 + more
    }
    packed[flagsAt] = flags
  }
  packed.writeInt32LE(to, LENGTH_AT)
  return packed.subarray(0, to)
}

/** Counts the bytes from `at` on that equal those from `place` on. */
function matchFrom(message: Buffer, place: number, at: number): number {
  const most = Math.min(MOST_MORE, message.length - at)
  let more = 0
  while (more < most && message[place + more] === message[at + more]) more++
  return more
}

/** Hashes the pair of bytes at `at`. Beyond the end, a byte counts as 0. */
function pairAt(message: Buffer, at: number): number {
  return (message[at] as number) ^ (message[at + 1] ?? 0)
}
