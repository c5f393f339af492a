const FIRST_BYTES = 1 << 16

/** Buffer for writing one message after another, in either byte order. */
export class Sink {
  isLittleEndian = true
  #bytes = Buffer.alloc(FIRST_BYTES)
  #view = new DataView(this.#bytes.buffer, this.#bytes.byteOffset, FIRST_BYTES)
  #length = 0

  clear(): void {
    this.#length = 0
  }

  get length(): number {
    return this.#length
  }

  /** Copy of the bytes written so far. */
  copy(): Buffer {
    return Buffer.from(this.#bytes.subarray(0, this.#length))
  }

  #step(count: number): number {
    const at = this.#length
    this.#length += count
    if (this.#length > this.#bytes.length) {
      const bytes = Buffer.alloc(2 * this.#length)
      bytes.set(this.#bytes)
      this.#bytes = bytes
      this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    }
    return at
  }

  byte(value: number): void {
    const at = this.#step(1)
    this.#bytes[at] = value
  }

  int16(value: number): void {
    const at = this.#step(2)
    this.#view.setInt16(at, value, this.isLittleEndian)
  }

  int32(value: number): void {
    const at = this.#step(4)
    this.#view.setInt32(at, value, this.isLittleEndian)
  }

  int64(value: bigint): void {
    const at = this.#step(8)
    this.#view.setBigInt64(at, value, this.isLittleEndian)
  }

  float32(value: number): void {
    const at = this.#step(4)
    this.#view.setFloat32(at, value, this.isLittleEndian)
  }

  float64(value: number): void {
    const at = this.#step(8)
    this.#view.setFloat64(at, value, this.isLittleEndian)
  }

  /** Writes UTF-8 without a terminator. */
  text(text: string): number {
    const length = Buffer.byteLength(text)
    const at = this.#step(length)
    this.#bytes.write(text, at)
    return length
  }

  /** Overwrites the 32 bits at `at` with `value`. */
  patch32(at: number, value: number): void {
    this.#view.setInt32(at, value, this.isLittleEndian)
  }
}
