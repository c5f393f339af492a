import type { Socket } from 'node:net'
import { reportError } from '../clone-context/leave.js'
import { type Codec, type Conversation, type Message, ProtocolError, type Query } from '../codecs/codec.js'
import { sign } from '../signs.js'
import { atNext, cut, startReading, stopReading } from './connection.js'

/** What becomes of what a client says. */
export interface Listener {
  /** Gives the reply; nothing else that the client has sent is looked at meanwhile. Never rejects. */
  onQuery: (query: Query, conversation: Conversation) => Promise<Uint8Array | undefined>
  /** What the client waits for no reply to. */
  onUpdate: (value: unknown) => void
}

/** How much a client may have sent, in bytes, that has not been looked at, before no more is read from it. */
const MOST_PENDING_BYTES = 1 << 20

function isForListener({ kind }: Message): boolean {
  return kind === 'query' || kind === 'update'
}

/** A client that speaks by a codec, message by message: each is done with before the next is looked at. */
export class Dialogue {
  readonly socket: Socket
  readonly #conversation: Conversation
  /** Messages from `#next` on are to be looked at: to shift a long array would move all of it. */
  #pending: Message[] = []
  #next = 0
  readonly #listener: Listener
  #pendingBytes = 0
  #busy = false
  /** Whether messages that are no greeting are left lying for now. */
  #greeting = false
  #full = false
  /** In what the client has broken its protocol. */
  #fault: string | undefined
  #ended = false

  constructor(socket: Socket, codec: Codec, listener: Listener) {
    this.socket = socket
    this.#conversation = codec.open()
    this.#listener = listener
    socket.on('data', (chunk: Buffer) => this.#receive(chunk))
    // Replies that are under way are for a client that may still listen, if the server lets it.
    socket.on('end', () => {
      this.#ended = true
      this.#endWhenDone()
    })
    // To be reset is nothing out of the ordinary: `close` follows.
    socket.on('error', () => {})
  }

  /** Whether the client has been let in. */
  get established(): boolean {
    return this.#conversation.established
  }

  /** Looks at no more than the greeting until {@link resume}. What else the client sends is left lying. */
  greet(): void {
    this.#greeting = true
  }

  /** Looks at all of it. */
  resume(): void {
    this.#greeting = false
    this.#goOn()
  }

  #receive(chunk: Buffer): void {
    if (this.socket.destroyed || this.#fault !== undefined) return
    try {
      this.#pendingBytes += chunk.length
      this.#queue(this.#conversation.receive(chunk))
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error
      // What came whole before is done with first: how the bytes were cut into packets must not count.
      this.#queue(error.messages)
      this.#fault = error.message
      stopReading(this.socket)
    }
    this.#goOn()
  }

  get #allTaken(): boolean {
    return this.#next === this.#pending.length
  }

  #queue(messages: readonly Message[]): void {
    this.#pending = this.#allTaken ? [...messages] : this.#pending.slice(this.#next).concat(messages)
    this.#next = 0
  }

  #goOn(): void {
    while (!this.#busy && !this.socket.destroyed) {
      const message = this.#pending[this.#next]
      if (!message || (this.#greeting && isForListener(message))) break
      this.#next++
      this.#take(message)
    }
    const done = this.#allTaken && !this.#busy
    if (done) this.#pendingBytes = 0
    this.#readOrNot()
    if (done && this.#fault !== undefined) this.#breakOff(this.#fault)
    else this.#endWhenDone()
  }

  #take(message: Message): void {
    switch (message.kind) {
      case 'send':
        this.socket.write(message.bytes)
        break
      case 'refused':
        this.#tell(message.reason)
        this.socket.destroySoon()
        break
      case 'update':
        try {
          this.#listener.onUpdate(message.value)
        } catch (error) {
          // Nobody waits for it.
          reportError(error)
        }
        break
      case 'query':
        this.#busy = true
        this.#listener.onQuery(message, this.#conversation).then((reply) => {
          const done = () => {
            this.#busy = false
            this.#goOn()
          }
          // A client that reads no replies gets no more of them.
          if (!reply || this.socket.destroyed || this.socket.write(reply)) done()
          else atNext(this.socket, 'drain', done)
        })
    }
  }

  #readOrNot(): void {
    const full = !this.#allTaken && this.#pendingBytes > MOST_PENDING_BYTES
    if (full === this.#full || this.#fault !== undefined || this.socket.destroyed) return
    this.#full = full
    if (full) stopReading(this.socket)
    else startReading(this.socket)
  }

  #endWhenDone(): void {
    if (this.#ended && !this.#busy && this.#allTaken) this.socket.end()
  }

  #breakOff(reason: string): void {
    if (this.socket.destroyed) return
    this.#tell(reason)
    cut(this.socket)
  }

  #tell(reason: string): void {
    sign('qclone:client', { reason, remoteAddress: this.socket.remoteAddress })
  }
}
