import type { Socket } from 'node:net'
import { clearTimeout, setImmediate, setTimeout, uptimeMs } from '../clock.js'
import { reportError } from '../clone-context/leave.js'
import { type Codec, type Conversation, type Message, ProtocolError, type Query } from '../codecs/codec.js'
import { messageOf } from '../codecs/unsayable.js'
import { sign } from '../signs.js'
import { atNext, cut, startReading, stopReading } from './connection.js'
import { GREETING_TIMEOUT_MS } from './evaluate.js'

/** What becomes of what a client says. */
export interface Listener {
  /**
  Gives the reply; nothing else that the client has sent is looked at meanwhile. Rejects with a ProtocolError when the
  query turns out not to be of the protocol.
  */
  onQuery: (query: Query, conversation: Conversation) => Promise<Uint8Array | undefined>
  /** Takes what the client waits for no reply to. Without it, such messages are dropped undecoded. */
  onUpdate: ((value: unknown) => unknown) | undefined
}

/** How much a client may have sent, in bytes, that has not been done with, before no more is read from it. */
const MOST_PENDING_BYTES = 1 << 20
/** And in messages: a small one takes far more memory than its bytes. One chunk may go beyond. */
const MOST_PENDING_MESSAGES = 1000
/** How long the messages of one client, in milliseconds, may keep this process from everybody else. */
const MOST_TURN_MS = 10

function isForListener({ kind }: Message): boolean {
  return kind === 'query' || kind === 'update'
}

/** A client that speaks by a codec, message by message: each is done with before the next is looked at. */
export class Dialogue {
  readonly socket: Socket
  readonly #conversation: Conversation
  /** Messages from `#next` on are to be looked at: to shift a long array would move all of it. */
  #pending: (Message | undefined)[] = []
  #next = 0
  readonly #listener: Listener
  #pendingBytes = 0
  #busy = false
  /** Whether messages that are no greeting are left lying for now. */
  #greeting = false
  #letIn = false
  #full = false
  /** How long this client's messages have taken since its last pause. */
  #spentMs = 0
  /** Whether others have their turn. */
  #paused = false
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

  /** Whether the client has been let in, even if it has broken its protocol since. */
  get established(): boolean {
    this.#letIn ||= this.#conversation.established
    return this.#letIn
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
    this.#pendingBytes += chunk.length
    try {
      this.#queue(this.#conversation.receive(chunk))
    } catch (error) {
      // What came whole before is done with first: how the bytes were cut into packets must not count.
      if (error instanceof ProtocolError) this.#queue(error.messages)
      this.#failBy(error)
    }
    this.#goOn()
  }

  get #allTaken(): boolean {
    return this.#next === this.#pending.length
  }

  #queue(messages: readonly Message[]): void {
    this.#letIn ||= messages.some(isForListener)
    this.#pending = this.#allTaken ? [...messages] : this.#pending.slice(this.#next).concat(messages)
    this.#next = 0
  }

  /** Nothing more is read from a client, and its connection is broken off once what came before is done with. */
  #failBy(error: unknown): void {
    // It is the codec that has failed, and its author wants to know.
    if (!(error instanceof ProtocolError)) reportError(error)
    this.#fault ??= messageOf(error)
    if (!this.socket.destroyed) stopReading(this.socket)
  }

  /** As {@link #failBy}, by a message that was taken: what came behind it is dropped. */
  #failNow(error: unknown): void {
    this.#forget()
    this.#fault = undefined
    this.#failBy(error)
  }

  #goOn(): void {
    const begun = uptimeMs() - this.#spentMs
    while (!this.#busy && !this.#paused && !this.socket.destroyed) {
      const message = this.#pending[this.#next]
      if (!message || (this.#greeting && isForListener(message))) break
      if (isForListener(message) && uptimeMs() - begun > MOST_TURN_MS) {
        this.#pause()
        break
      }
      // Once it is decoded it may be large, and those behind it may have to wait.
      this.#pending[this.#next++] = undefined
      try {
        this.#take(message)
      } catch (error) {
        this.#failNow(error)
      }
    }
    this.#spentMs = uptimeMs() - begun
    const done = this.#allTaken && !this.#busy
    if (done) this.#forget()
    this.#readOrNot()
    if (done && this.#fault !== undefined) this.#breakOff(this.#fault)
    else this.#endWhenDone()
  }

  /** Lets others have their turn. */
  #pause(): void {
    this.#paused = true
    setImmediate(() => {
      this.#paused = false
      this.#spentMs = 0
      this.#goOn()
    })
  }

  #forget(): void {
    this.#pending = []
    this.#next = 0
    this.#pendingBytes = 0
  }

  #take(message: Message): void {
    switch (message.kind) {
      case 'send':
        if (this.socket.write(message.bytes)) break
        this.#busy = true
        atNext(this.socket, 'drain', () => this.#done())
        break
      case 'refused':
        this.#tell(message.reason)
        this.socket.destroySoon()
        break
      case 'update':
        if (this.#listener.onUpdate) this.#update(message.value, this.#listener.onUpdate)
        break
      case 'query':
        this.#busy = true
        this.#listener.onQuery(message, this.#conversation).then(
          (reply) => this.#send(reply),
          (error) => {
            this.#failNow(error)
            this.#done()
          },
        )
    }
  }

  #update(value: unknown, onUpdate: (value: unknown) => unknown): void {
    // Nobody waits for what becomes of it.
    try {
      const result = onUpdate(value)
      if (typeof result === 'object' && result !== null) Promise.resolve(result).catch(reportError)
    } catch (error) {
      reportError(error)
    }
  }

  #send(reply: Uint8Array | undefined): void {
    try {
      // A client that reads no replies gets no more of them.
      if (reply && !this.socket.destroyed && !this.socket.write(reply)) {
        atNext(this.socket, 'drain', () => this.#done())
        return
      }
    } catch (error) {
      this.#failNow(error)
    }
    this.#done()
  }

  #done(): void {
    this.#busy = false
    this.#goOn()
  }

  #readOrNot(): void {
    const isWaiting = this.#busy || !this.#allTaken
    const isMuch =
      this.#pendingBytes > MOST_PENDING_BYTES || this.#pending.length - this.#next > MOST_PENDING_MESSAGES
    const full = isWaiting && isMuch
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

/**
Begins a dialogue with a client, which is not kept if it does not get beyond its greeting.

@param timeout milliseconds for the greeting.
@returns undefined when the codec throws: that is printed, and the connection reset.
*/
export function openDialogue(
  socket: Socket,
  codec: Codec,
  timeout = GREETING_TIMEOUT_MS,
  listener: Listener,
): Dialogue | undefined {
  try {
    const dialogue = new Dialogue(socket, codec, listener)
    const timer = setTimeout(() => {
      if (!isEstablished(dialogue)) socket.destroy()
    }, timeout).unref()
    socket.on('close', () => clearTimeout(timer))
    return dialogue
  } catch (error) {
    reportError(error)
    cut(socket)
    return undefined
  }
}

function isEstablished(dialogue: Dialogue): boolean {
  try {
    return dialogue.established
  } catch (error) {
    reportError(error)
    return false
  }
}
