import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { isClone } from 'node-qclone'

const INTERVAL_MS = 2
const PACKET = Buffer.alloc(64, 'q')

/** Connection of the parent to itself, on which a clone must neither read nor write. */
export class Traffic {
  ghosts = 0
  #sent = 0
  #received = 0
  readonly #server = createServer((socket) => this.#serve(socket))
  #client!: Socket
  #interval: NodeJS.Timeout | undefined

  async start(): Promise<void> {
    await once(this.#server.listen(0, '127.0.0.1'), 'listening')
    this.#client = connect((this.#server.address() as AddressInfo).port, '127.0.0.1')
    await once(this.#client, 'connect')
    this.#interval = setInterval(() => {
      this.#client.write(PACKET)
      this.#sent += PACKET.length
    }, INTERVAL_MS)
  }

  /** @returns number of bytes that were sent but not received, or received but not sent. */
  async stop(): Promise<number> {
    clearInterval(this.#interval)
    this.#client.end()
    await once(this.#client, 'close')
    await new Promise((resolve) => this.#server.close(resolve))
    return Math.abs(this.#sent - this.#received)
  }

  #serve(socket: Socket): void {
    socket.on('data', (bytes) => {
      if (isClone()) this.ghosts++
      this.#received += bytes.length
    })
    socket.on('end', () => socket.end())
  }
}
