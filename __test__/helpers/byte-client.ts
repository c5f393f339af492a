import { connect, type Socket } from 'node:net'
import { until } from '../../harness/processes.js'

/** A client that sends and takes bytes. */
export class ByteClient {
  readonly socket: Socket
  ended = false
  error: string | undefined
  #received = Buffer.alloc(0)

  constructor(port: number) {
    this.socket = connect({ port, host: '127.0.0.1' })
    this.socket.on('data', (chunk: Buffer) => {
      this.#received = Buffer.concat([this.#received, chunk])
    })
    this.socket.on('error', (error: NodeJS.ErrnoException) => {
      this.error = error.code ?? error.message
    })
    this.socket.on('close', () => {
      this.ended = true
    })
  }

  send(...parts: Uint8Array[]): void {
    this.socket.write(Buffer.concat(parts))
  }

  /** The next `count` bytes. */
  async bytes(count: number): Promise<Buffer> {
    await until(
      'bytes have come, or the connection has ended',
      () => this.#received.length >= count || this.ended,
    )
    if (this.#received.length < count) throw new Error(`the connection ended (${this.error ?? 'in order'})`)
    const bytes = this.#received.subarray(0, count)
    this.#received = this.#received.subarray(count)
    return bytes
  }

  /** The next message of kdb+, without its head. */
  async message(): Promise<Buffer> {
    const head = await this.bytes(8)
    return this.bytes(head.readUInt32LE(4) - 8)
  }

  /** Waits until the connection has ended, and tells how. */
  async closed(): Promise<string> {
    await until('the connection has ended', () => this.ended)
    return this.error ?? 'in order'
  }

  close(): void {
    this.socket.destroy()
  }
}
