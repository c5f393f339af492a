import { ProtocolError } from '../codec.js'
import { textOf } from './text.js'

/** Reads a message from its front to its end, in either byte order. Never reads beyond it. */
export class Reader {
  readonly #bytes: Buffer
  readonly #view: DataView
  readonly #isLittleEndian: boolean
  #at: number

  constructor(bytes: Buffer, at: number, isLittleEndian: boolean) {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    this.#isLittleEndian = isLittleEndian
    this.#at = at
  }

  /** How many bytes are left. */
  get left(): number {
    return this.#bytes.length - this.#at
  }

  /** The error of a message that is wrong where reading has come to. */
  wrong(what: string): ProtocolError {
    return new ProtocolError(`${what} at byte ${this.#at} of the message`)
  }

  /**
  Steps over `count` bytes.

  @returns where they begin.
  @throws {ProtocolError} when there are not so many.
  */
  #step(count: number): number {
    const at = this.#at
    if (count > this.#bytes.length - at) throw this.wrong('It ends too early')
    this.#at = at + count
    return at
  }

  /** What {@link int8} reads next; undefined at the end. */
  peek(): number | undefined {
    return this.left > 0 ? this.#view.getInt8(this.#at) : undefined
  }

  int8(): number {
    return this.#view.getInt8(this.#step(1))
  }

  byte(): number {
    return this.#view.getUint8(this.#step(1))
  }

  int16(): number {
    return this.#view.getInt16(this.#step(2), this.#isLittleEndian)
  }

  int32(): number {
    return this.#view.getInt32(this.#step(4), this.#isLittleEndian)
  }

  bigint64(): bigint {
    return this.#view.getBigInt64(this.#step(8), this.#isLittleEndian)
  }

  /** The upper and the lower half of what {@link bigint64} reads: for those who want no bigint. */
  int64<T>(take: (upper: number, lower: number) => T): T {
    const at = this.#step(8)
    const lower = this.#view.getUint32(this.#isLittleEndian ? at : at + 4, this.#isLittleEndian)
    return take(this.#view.getInt32(this.#isLittleEndian ? at + 4 : at, this.#isLittleEndian), lower)
  }

  float32(): number {
    return this.#view.getFloat32(this.#step(4), this.#isLittleEndian)
  }

  float64(): number {
    return this.#view.getFloat64(this.#step(8), this.#isLittleEndian)
  }

  /**
  How many items follow.

  @param size of each, in bytes, at least.
  @throws {ProtocolError} when the message has no room for them: before memory is taken for them.
  */
  count(size: number): number {
    const count = this.int32()
    if (count < 0 || count > this.left / size) throw this.wrong(`There is no room for ${count} items`)
    return count
  }

  /** A copy of `count` bytes. */
  bytes(count: number): Uint8Array {
    const at = this.#step(count)
    return new Uint8Array(this.#bytes.subarray(at, at + count))
  }

  hex(count: number): string {
    const at = this.#step(count)
    return this.#bytes.toString('hex', at, at + count)
  }

  /** `count` bytes of text. */
  text(count: number): string {
    const at = this.#step(count)
    return textOf(this.#bytes, at, at + count)
  }

  /** Text up to the next NUL. */
  symbol(): string {
    const at = this.#at
    const end = this.#bytes.indexOf(0, at)
    if (end === -1) throw this.wrong('A symbol has no end')
    this.#at = end + 1
    return textOf(this.#bytes, at, end)
  }
}
