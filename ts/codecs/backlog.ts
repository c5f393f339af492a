import { Buffer } from 'node:buffer'

const LEAST_BYTES = 256

/** Beginning of a message whose end has not arrived. A message that arrives byte by byte is copied only a few times. */
export class Backlog {
  #buffer: Buffer = NOTHING
  #length = 0

  /** Number of bytes. */
  get length(): number {
    return this.#length
  }

  /** All bytes. Valid until the next {@link append}. */
  get bytes(): Buffer {
    return this.#buffer.subarray(0, this.#length)
  }

  /**
  Appends a copy of `bytes`.

  @param bound maximum length of the whole message. Memory is allocated for the bytes that have arrived, not for the
  length that was announced.
  */
  append(bytes: Uint8Array, bound: number): void {
    const length = this.#length + bytes.length
    if (length > this.#buffer.length) {
      const room = Math.max(length, Math.min(bound, Math.max(LEAST_BYTES, 2 * this.#buffer.length)))
      const buffer = Buffer.allocUnsafeSlow(room)
      buffer.set(this.bytes)
      this.#buffer = buffer
    }
    this.#buffer.set(bytes, this.#length)
    this.#length = length
  }

  /** Returns the bytes and empties the backlog. */
  take(): Buffer {
    const bytes = this.bytes
    this.#buffer = NOTHING
    this.#length = 0
    return bytes
  }
}

const NOTHING = Buffer.alloc(0)
