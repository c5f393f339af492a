/** Pseudorandom numbers that depend only on seed and index: a 32-bit xorshift, seeded with a mix of both. */
export class Random {
  #state: number

  constructor(seed: number, index: number) {
    this.#state = mixed(mixed(seed) ^ mixed(index ^ 0x9e3779b9)) || 1
  }

  /** Integer from 0 to 2^32 - 1. */
  uint32(): number {
    let state = this.#state
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    this.#state = state
    return state >>> 0
  }

  /** Integer from 0 to `count` - 1. */
  below(count: number): number {
    return this.uint32() % count
  }

  /** `true` with probability 1 / `count`. */
  oneIn(count: number): boolean {
    return this.below(count) === 0
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)] as T
  }

  /** Usually small, sometimes any 32 bits. */
  int32(): number {
    const value = this.uint32() | 0
    return value >> (this.below(4) * 10)
  }

  bigint64(): bigint {
    return (BigInt(this.int32()) << 32n) | BigInt(this.uint32())
  }

  /** Any double, including NaN, infinities and denormals. */
  float64(): number {
    if (this.oneIn(2)) return this.int32() / 8
    BITS.setUint32(0, this.uint32())
    BITS.setUint32(4, this.uint32())
    return BITS.getFloat64(0)
  }

  text(most: number): string {
    let text = ''
    for (let length = this.below(most + 1); length > 0; length--) text += this.pick(LETTERS)
    return text
  }
}

const BITS = new DataView(new ArrayBuffer(8))
const LETTERS = [...'abcdefghijklmnopqrstuvwxyz0123456789 _.:/"\\\'{}[]<>\t', 'é', 'ß', '\u20ac', '\u{1f600}']

/** Mixes bits, so that each bit of the result depends on all bits of `value`. */
function mixed(value: number): number {
  let bits = value | 0
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b)
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35)
  return bits ^ (bits >>> 16)
}
