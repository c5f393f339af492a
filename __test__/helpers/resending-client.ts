import { once } from 'node:events'
import { connect as connectTcp, createServer, type Server, type Socket } from 'node:net'
import { connect as connectTls, createServer as createTlsServer } from 'node:tls'
import { selfSigned } from '../../harness/certificate.js'

export type Transport = 'tcp' | 'unix' | 'tls'

/** Not by node:readline, which emits the socket's errors again. */
function onLine(socket: Socket, take: (line: string) => void): void {
  let parts: string[] = []
  socket.setEncoding('utf8').on('data', (chunk: string) => {
    const [first = '', ...lines] = chunk.split('\n')
    parts.push(first)
    for (const line of lines) {
      take(parts.join(''))
      parts = [line]
    }
  })
}

/** A server of commands, one a line: it carries each out when it comes, and answers in order by a line. */
export class Ledger {
  readonly carriedOut: string[] = []
  /** Commands whose answer is not sent before {@link release}. */
  held: (command: string) => boolean = () => false
  /** Of every connection that was made. */
  readonly sockets: Socket[] = []
  #queue: Array<{ command: string; socket: Socket }> = []
  readonly server: Server

  constructor(transport: Transport) {
    const serve = (socket: Socket) => {
      this.sockets.push(socket)
      socket.on('error', () => {})
      onLine(socket, (command) => {
        this.carriedOut.push(command)
        this.#queue.push({ command, socket })
        this.#answer()
      })
    }
    this.server = transport === 'tls' ? createTlsServer(selfSigned(), serve) : createServer(serve)
  }

  release(held: (command: string) => boolean = () => false): void {
    this.held = held
    this.#answer()
  }

  #answer(): void {
    while (this.#queue[0] && !this.held(this.#queue[0].command)) {
      const { command, socket } = this.#queue.shift() as { command: string; socket: Socket }
      socket.write(`${command}\n`)
    }
  }
}

/** Listens on loopback, or on a path. @returns how to connect to it. */
export async function open(server: Server, transport: Transport, path: string): Promise<() => Socket> {
  server.listen(transport === 'unix' ? { path } : { port: 0, host: '127.0.0.1' })
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') return () => connectTcp(path)
  const { port } = address
  if (transport === 'tcp') return () => connectTcp(port, '127.0.0.1')
  return () => connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false })
}

/**
A client as ioredis, BullMQ and MQTT.js are: when its connection breaks it connects anew, and sends again what it has no
answer to.
*/
export class ResendingClient {
  socket!: Socket
  readonly #connect: () => Socket
  readonly #unanswered: Array<{ command: string; resolve: (answer: string) => void }> = []

  constructor(connect: () => Socket) {
    this.#connect = connect
    this.#open()
  }

  send(command: string): Promise<string> {
    return new Promise((resolve) => {
      this.#unanswered.push({ command, resolve })
      this.socket.write(`${command}\n`)
    })
  }

  #open(): void {
    this.socket = this.#connect()
    this.socket.on('error', () => {})
    this.socket.once('close', () => this.#open())
    onLine(this.socket, (answer) => this.#unanswered.shift()?.resolve(answer))
    for (const { command } of this.#unanswered) this.socket.write(`${command}\n`)
  }

  close(): void {
    this.socket.removeAllListeners('close')
    this.socket.destroy()
  }
}
