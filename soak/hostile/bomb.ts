/** Longest message that `kdb()` accepts by default, uncompressed. */
const LONGEST_BYTES = 64 * 2 ** 20
/** Type of a vector of symbols. An empty symbol takes one byte, and becomes a string when decoded. */
const SYMBOLS = 11
const HEAD_BYTES = 8
/** Type, attributes and count of a vector. */
const VECTOR_HEAD_BYTES = 6
const FRAME_HEAD_BYTES = 12
/** Bytes that one reference expands to. */
const SHORTEST_MATCH = 2
const LONGEST_MATCH = 257
const REFERENCES_AT_ONCE = 8

/** Greeting and, in the same bytes, a message of 550 kB that uncompresses to 64 MiB of empty symbols. */
export function greetingWithBomb(user: string): Buffer {
  return Buffer.concat([Buffer.from(`${user}:x\x03\0`, 'latin1'), bomb()])
}

function bomb(): Buffer {
  const count = LONGEST_BYTES - HEAD_BYTES - VECTOR_HEAD_BYTES
  const vector = Buffer.alloc(VECTOR_HEAD_BYTES)
  vector[0] = SYMBOLS
  vector.writeInt32LE(count, 2)
  const body = [0, ...vector, 0, 0, ...zeros(count - 2)]
  const frame = Buffer.alloc(FRAME_HEAD_BYTES + body.length)
  // Little-endian, a query, compressed.
  frame.set([1, 1, 1, 0])
  frame.writeUInt32LE(frame.length, 4)
  frame.writeUInt32LE(HEAD_BYTES + VECTOR_HEAD_BYTES + count, 8)
  frame.set(body, FRAME_HEAD_BYTES)
  return frame
}

/** Encodes `count` zeros as references to the two before them. */
function zeros(count: number): number[] {
  const bytes: number[] = []
  let left = count
  while (left >= SHORTEST_MATCH) {
    const lengths: number[] = []
    while (lengths.length < REFERENCES_AT_ONCE && left >= SHORTEST_MATCH) {
      const length = Math.min(LONGEST_MATCH, left)
      lengths.push(length)
      left -= length
    }
    bytes.push(2 ** lengths.length - 1)
    for (const length of lengths) bytes.push(0, length - SHORTEST_MATCH)
  }
  if (left > 0) bytes.push(0, 0)
  return bytes
}
