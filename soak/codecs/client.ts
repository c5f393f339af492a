import { connect, type Socket } from 'node:net'
import { until } from '../../harness/until.js'

const PATIENCE_MS = 60_000
/** A client has sent all it can if nothing was read from it in this many polls. */
const LOOKS = 40

export class Client {
  readonly #socket: Socket
  received = 0
  ended = false

  constructor(port: number) {
    this.#socket = connect({ port, host: '127.0.0.1' })
    this.#socket.on('data', (chunk: Buffer) => {
      this.received += chunk.length
    })
    // Some of these clients provoke a reset.
    this.#socket.on('error', () => {})
    this.#socket.on('close', () => {
      this.ended = true
    })
  }

  send(bytes: Uint8Array): void {
    this.#socket.write(bytes)
  }

  /** Waits until this many bytes have arrived, or the end. */
  async answered(bytes: number): Promise<void> {
    await this.#expect(() => this.received >= bytes || this.ended)
  }

  /** Waits until the other side reads no more. */
  async stuck(): Promise<void> {
    let [left, looks] = [-1, 0]
    await this.#expect(() => {
      const now = this.#socket.writableLength
      looks = now === left ? looks + 1 : 0
      left = now
      return looks > LOOKS || this.ended
    })
  }

  close(): void {
    this.#socket.destroy()
  }

  async #expect(condition: () => boolean): Promise<void> {
    if (!(await until(condition, PATIENCE_MS))) throw new Error('The server did not react in time')
  }
}
