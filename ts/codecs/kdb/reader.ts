import { ProtocolError } from '../codec.js'
import { textOf } from './text.js'

/** Reader of a message, in either byte order. Never reads beyond its end. */
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

  /** Number of bytes that are left. */
  get left(): number {
    return this.#bytes.length - this.#at
  }

  /** Returns the error of a message that is malformed at the current position. */
  wrong(what: string): ProtocolError {
    return new ProtocolError(`${what} at byte ${this.#at} of the message`)
  }

  /**
  Steps over `count` bytes.

  @returns the offset of the first one.
  @throws {ProtocolError} if fewer are left.
  */
  #step(count: number): number {
    const at = this.#at
    if (count > this.#bytes.length - at) throw this.wrong('It ends too early')
    this.#at = at + count
    return at
  }

  /** Returns the value that {@link int8} would read; undefined at the end. */
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

  /** Passes the upper and the lower half of a long to `take`, without creating a bigint. */
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
  Reads the number of items that follow.

  @param size minimum size of an item, in bytes.
  @throws {ProtocolError} if the rest of the message is too short for them, so that no memory is allocated for them.
  */
  count(size: number): number {
    const count = this.int32()
    if (count < 0 || count > this.left / size) throw this.wrong(`It is too short for ${count} items`)
    return count
  }

  /** Reads a copy of `count` bytes. */
  bytes(count: number): Uint8Array {
    const at = this.#step(count)
    return new Uint8Array(this.#bytes.subarray(at, at + count))
  }

  hex(count: number): string {
    const at = this.#step(count)
    return this.#bytes.toString('hex', at, at + count)
  }

  /** Reads `count` bytes of text. */
  text(count: number): string {
    const at = this.#step(count)
    return textOf(this.#bytes, at, at + count)
  }

  /** Reads text up to the next NUL. */
  symbol(): string {
    const at = this.#at
    const end = this.#bytes.indexOf(0, at)
    if (end === -1) throw this.wrong('A symbol has no end')
    this.#at = end + 1
    return textOf(this.#bytes, at, end)
  }
}
