import { Buffer } from 'node:buffer'

/** Message whose value is decoded when first read. Until then, the message takes no more memory than its bytes. */
export abstract class LazyMessage {
  readonly kind: 'query' | 'update'
  /** Undefined once decoded. */
  #bytes: Buffer | undefined
  #value: unknown

  constructor(kind: 'query' | 'update', bytes: Buffer) {
    this.kind = kind
    this.#bytes = bytes
  }

  /** Bytes of the message as received. Available only before `value` has been read. */
  get raw(): Uint8Array {
    return this.#bytes ?? NOTHING
  }

  /** Decoded value. @throws {ProtocolError} at every read, if the bytes are malformed. */
  get value(): unknown {
    if (this.#bytes) {
      this.#value = this.decode(this.#bytes)
      this.#bytes = undefined
    }
    return this.#value
  }

  protected abstract decode(bytes: Buffer): unknown
}

const NOTHING = Buffer.alloc(0)
