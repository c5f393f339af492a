import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { connectRobustly } from './robust.js'

/**
Relays between a TLS client and its server. It forwards the client's bytes in small chunks, each in a turn of its own,
so that records are split. Unlike a connection under Node's TLS socket, its connection to the server can be reset, and
data the server sent before closing still reaches the client.
*/
export class Tap {
  readonly #near: Socket
  readonly #far: Socket
  readonly #pieceBytes: number
  #last: Promise<void> = Promise.resolve()
  #unsent = 0
  /** Whether the connection to the server was reset. */
  isReset = false

  constructor(near: Socket, port: number, pieceBytes: number) {
    this.#near = near
    this.#pieceBytes = pieceBytes
    const onReset = () => {
      this.isReset = true
      near.end()
    }
    const far = connectRobustly(port, onReset)
    this.#far = far
    far.on('data', (chunk) => {
      if (!near.write(chunk)) far.pause()
    })
    near.on('drain', () => far.resume())
    far.on('end', () => near.end())
    far.on('error', onReset)
    near.on('data', (chunk) => {
      this.#unsent++
      this.#last = this.#last.then(() => this.#send(chunk)).then(() => void this.#unsent--)
    })
    near.on('end', () => {
      this.#last = this.#last.then(() => void far.end())
    })
    near.on('error', () => far.destroy())
  }

  /** Whether it is still sending what the client has sent: thousands of turns for a large body in small pieces. */
  get isSending(): boolean {
    return this.#unsent > 0
  }

  reset(): void {
    this.#far.resetAndDestroy()
    this.#near.destroy()
  }

  destroy(): void {
    this.#far.destroy()
    this.#near.destroy()
  }

  async #send(chunk: Buffer): Promise<void> {
    for (let at = 0; at < chunk.length; at += this.#pieceBytes) {
      if (at > 0) await new Promise((resolve) => setImmediate(resolve))
      this.#far.write(chunk.subarray(at, at + this.#pieceBytes))
    }
  }
}

/** Accepted connections that nobody has claimed yet, by the client's port. */
const accepted = new Map<number, Socket>()
const awaited = new Map<number, (near: Socket) => void>()

let opening: Promise<Server> | undefined

async function open(): Promise<Server> {
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (near) => {
    const port = near.remotePort ?? 0
    const resolve = awaited.get(port)
    awaited.delete(port)
    if (resolve) resolve(near)
    else accepted.set(port, near)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return server.unref()
}

/** Port that clients connect to. */
export async function tapPort(): Promise<number> {
  opening ??= open()
  return ((await opening).address() as AddressInfo).port
}

/** Returns the other end of a client's connection. */
export function otherEnd(socket: Socket): Promise<Socket> {
  const port = socket.localPort ?? 0
  const near = accepted.get(port)
  accepted.delete(port)
  return near ? Promise.resolve(near) : new Promise((resolve) => awaited.set(port, resolve))
}
