/** A message whose value is decoded when it is first read. Until then it is bytes, and costs no more than they do. */
export abstract class LazyMessage {
  readonly kind: 'query' | 'update'
  /** Undefined once they are decoded. */
  #bytes: Buffer | undefined
  #value: unknown

  constructor(kind: 'query' | 'update', bytes: Buffer) {
    this.kind = kind
    this.#bytes = bytes
  }

  /** @throws {ProtocolError} when the bytes are not what they claim to be: at every read. */
  get value(): unknown {
    if (this.#bytes) {
      this.#value = this.decode(this.#bytes)
      this.#bytes = undefined
    }
    return this.#value
  }

  protected abstract decode(bytes: Buffer): unknown
}
