import { Buffer } from 'node:buffer'

const LEAST_BYTES = 256

/** The beginning of a message whose end has not come. A message that comes byte by byte is copied a few times only. */
export class Backlog {
  #buffer: Buffer = NOTHING
  #length = 0

  /** How many bytes there are. */
  get length(): number {
    return this.#length
  }

  /** All of them. Of use until the next {@link append}. */
  get bytes(): Buffer {
    return this.#buffer.subarray(0, this.#length)
  }

  /**
  Keeps a copy of `bytes` behind the others.

  @param bound how many bytes there are to be in the end, at most. Memory is taken for what has come, not for what was
  announced.
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

  /** Gives the bytes away, and keeps none. */
  take(): Buffer {
    const bytes = this.bytes
    this.#buffer = NOTHING
    this.#length = 0
    return bytes
  }
}

const NOTHING = Buffer.alloc(0)
