import { connect, type Socket } from 'node:net'
import { until } from '../../bench/lib/until.js'

const PATIENCE_MS = 60_000
/** A client whose bytes nobody takes for so many looks has sent what it can. */
const LOOKS = 40

/** One connection. */
export class Client {
  readonly #socket: Socket
  received = 0
  ended = false

  constructor(port: number) {
    this.#socket = connect({ port, host: '127.0.0.1' })
    this.#socket.on('data', (chunk: Buffer) => {
      this.received += chunk.length
    })
    // To be reset is what some of them are here for.
    this.#socket.on('error', () => {})
    this.#socket.on('close', () => {
      this.ended = true
    })
  }

  send(bytes: Uint8Array): void {
    this.#socket.write(bytes)
  }

  /** Waits for so many bytes, or the end. */
  async answered(bytes: number): Promise<void> {
    await this.#expect(() => this.received >= bytes || this.ended)
  }

  /** Waits until the other side takes no more. */
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
    if (!(await until(condition, PATIENCE_MS))) throw new Error('A client waited in vain')
  }
}
