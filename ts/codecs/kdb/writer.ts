import { Buffer } from 'node:buffer'
import { Unsayable } from '../unencodable.js'

const FIRST_BYTES = 512
/** Maximum length that the head of a message can hold. */
const LONGEST_BYTES = 2 ** 31 - 1
const LOWER_HALF = 2 ** 32

/** Writer of a message in little-endian byte order, into memory that grows with the message. */
export class Writer {
  #bytes = Buffer.allocUnsafe(FIRST_BYTES)
  #view = viewOf(this.#bytes)
  #length = 0

  /** Bytes written so far. Valid until the next write. */
  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.#length)
  }

  /** Makes room for `count` bytes. @returns their offset. @throws {Unsayable} if the message gets too long. */
  #step(count: number): number {
    const at = this.#length
    const length = at + count
    if (length > this.#bytes.length) this.#grow(length)
    this.#length = length
    return at
  }

  #grow(length: number): void {
    if (length > LONGEST_BYTES) throw new Unsayable('the message is longer than 2 GiB')
    const bytes = Buffer.allocUnsafe(Math.min(LONGEST_BYTES, Math.max(length, 2 * this.#bytes.length)))
    bytes.set(this.bytes)
    this.#bytes = bytes
    this.#view = viewOf(bytes)
  }

  int8(value: number): void {
    const at = this.#step(1)
    this.#view.setInt8(at, value)
  }

  int16(value: number): void {
    const at = this.#step(2)
    this.#view.setInt16(at, value, true)
  }

  int32(value: number): void {
    const at = this.#step(4)
    this.#view.setInt32(at, value, true)
  }

  int64(value: number | bigint): void {
    const at = this.#step(8)
    if (typeof value === 'bigint') {
      this.#view.setBigInt64(at, value, true)
    } else {
      // Twice as fast as with a bigint.
      this.#view.setInt32(at, value, true)
      this.#view.setInt32(at + 4, Math.floor(value / LOWER_HALF), true)
    }
  }

  float32(value: number): void {
    const at = this.#step(4)
    this.#view.setFloat32(at, value, true)
  }

  float64(value: number): void {
    const at = this.#step(8)
    this.#view.setFloat64(at, value, true)
  }

  hex(text: string): void {
    const at = this.#step(text.length / 2)
    this.#bytes.write(text, at, 'hex')
  }

  /** Writes text and a NUL. */
  symbol(text: string): void {
    this.#text(text, Buffer.byteLength(text))
    this.int8(0)
  }

  /** Writes the length of text in bytes, then the text. */
  string(text: string): void {
    const length = Buffer.byteLength(text)
    this.int32(length)
    this.#text(text, length)
  }

  #text(text: string, length: number): void {
    const at = this.#step(length)
    this.#bytes.write(text, at, length)
  }

  raw(bytes: Uint8Array): void {
    const at = this.#step(bytes.length)
    this.#bytes.set(bytes, at)
  }

  /** Writes the length of the message into its head and returns the message. */
  finish(lengthAt: number): Buffer {
    this.#view.setInt32(lengthAt, this.#length, true)
    return this.bytes
  }
}

function viewOf(bytes: Buffer): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
}
