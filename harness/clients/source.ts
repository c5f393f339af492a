import type { Readable } from 'node:stream'

/** Buffer for reading a connection piece by piece. */
export class Source {
  readonly #stream: Readable
  #held: Buffer = Buffer.alloc(0)
  #over = false
  /** How the connection ended; `undefined` while it is open. */
  ending: string | undefined
  #awaken: (() => void) | undefined

  constructor(stream: Readable) {
    this.#stream = stream
    stream.on('readable', () => this.#awaken?.())
    stream.on('end', () => this.#end('closed'))
    stream.on('error', (error: NodeJS.ErrnoException) => this.#end(error.code ?? error.message))
    stream.on('close', () => this.#end('closed'))
  }

  /** Reads up to and including `mark`; `undefined` if the connection ends first. */
  async until(mark: string): Promise<Buffer | undefined> {
    for (;;) {
      const at = this.#held.indexOf(mark)
      if (at !== -1) return this.#cut(at + mark.length)
      if (!(await this.#more())) return undefined
    }
  }

  /** Reads `count` bytes in pieces, or fewer if the connection ends first. */
  async *pieces(count: number): AsyncGenerator<Buffer> {
    let left = count
    while (left > 0 && (this.#held.length > 0 || (await this.#more()))) {
      const piece = this.#cut(Math.min(left, this.#held.length))
      left -= piece.length
      yield piece
    }
  }

  /** Reads until the connection ends. */
  async rest(): Promise<Buffer> {
    while (await this.#more());
    return this.#cut(this.#held.length)
  }

  #cut(count: number): Buffer {
    const cut = this.#held.subarray(0, count)
    this.#held = this.#held.subarray(count)
    return cut
  }

  async #more(): Promise<boolean> {
    for (;;) {
      const chunk = this.#stream.read() as Buffer | null
      if (chunk) {
        this.#held = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk])
        return true
      }
      if (this.#over) return false
      await new Promise<void>((resolve) => {
        this.#awaken = resolve
      })
    }
  }

  #end(ending: string): void {
    this.ending ??= ending
    this.#over = true
    this.#awaken?.()
  }
}
