import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'

/**
What a TLS client writes to and reads from in place of its TCP connection: the bytes of its records go in pieces, each
in a turn of its own. The connection below can be reset, which under Node's own TLS socket it cannot.
*/
export class RecordCutter extends Duplex {
  readonly #raw: Socket
  readonly #pieceBytes: number

  constructor(raw: Socket, pieceBytes: number) {
    super({ allowHalfOpen: true })
    this.#raw = raw
    this.#pieceBytes = pieceBytes
    raw.on('data', (chunk) => {
      if (!this.push(chunk)) raw.pause()
    })
    raw.on('end', () => this.push(null))
    raw.on('error', (error) => this.destroy(error))
    raw.on('close', () => this.destroy())
  }

  override _read(): void {
    this.#raw.resume()
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#writeFrom(chunk, 0, done)
  }

  override _final(done: () => void): void {
    this.#raw.end(done)
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#raw.destroy()
    done(error)
  }

  #writeFrom(chunk: Buffer, at: number, done: (error?: Error | null) => void): void {
    const end = at + this.#pieceBytes
    if (end >= chunk.length) {
      this.#raw.write(chunk.subarray(at), done)
      return
    }
    this.#raw.write(chunk.subarray(at, end))
    setImmediate(() => this.#writeFrom(chunk, end, done))
  }
}
