import { Buffer } from 'node:buffer'
import type { Socket } from 'node:net'
import {
  type Codec,
  type Conversation,
  expectMessages,
  isProtocolError,
  type Message,
  type Query,
} from '../../codecs/codec.js'
import { messageOf } from '../../codecs/unencodable.js'
import { reportError } from '../../in-clone/exit.js'
import { setImmediate, uptimeMs } from '../../node-internals/clock.js'
import { startReading, stopReading } from '../../node-internals/sockets.js'
import { sign } from '../../observe/diagnostics.js'
import { atNext, cut, whileOpen } from '../client-connection.js'
import { callUpdate, HANDSHAKE_TIMEOUT_MS } from './evaluate.js'

/** Receiver of a client's messages. */
export interface Listener {
  /**
  Returns the reply to a query. The client's next messages wait until then. Rejects with a ProtocolError if the query
  turns out to be malformed.
  */
  onQuery: (query: Query, conversation: Conversation) => Promise<Uint8Array | undefined>
  /** Receives a message that expects no reply. Without it, such messages are dropped undecoded. */
  onUpdate: ((value: unknown) => unknown) | undefined
  /**
  Receives such messages in place of `onUpdate`, undecoded, to pass them on to another process. Throws what the codec
  throws.
  */
  passOn?: ((update: UndecodedUpdate, conversation: Conversation) => void) | undefined
}

/** Message that expects no reply. */
export type UndecodedUpdate = Extract<Message, { kind: 'update' }>

/** Maximum bytes of unhandled messages of a client. Beyond it, nothing more is read from the client. */
const MOST_PENDING_BYTES = 1 << 20
/** The same limit in messages: a small message takes far more memory than its bytes. One chunk can exceed it. */
const MOST_PENDING_MESSAGES = 1000
/** Maximum time in milliseconds the messages of one client keep all others waiting. */
const MOST_TURN_MS = 10

function isForListener({ kind }: Message): boolean {
  return kind === 'query' || kind === 'update'
}

/** State that another process needs to continue with a client. */
export interface Suspended {
  /** State of the conversation, undefined if the client has not been let in. */
  readonly state: Buffer | undefined
  /** Bytes that were read but not handled. */
  readonly unread: Uint8Array
  /** Whether they begin with a query that is held. */
  readonly asks: boolean
}

function rawOf(message: Message | undefined): Uint8Array | undefined {
  return message && 'raw' in message ? message.raw : undefined
}

/** Whether another process can handle a message in place of this one. */
function isHeldable(message: Message | undefined): boolean {
  return message?.kind === 'query' && rawOf(message) !== undefined
}

const NOTHING = Buffer.alloc(0)

/**
Dialogue with a client that speaks a codec. Each message is handled before the next one. The codec is the user's code:
whatever it throws ends the dialogue, and reaches no caller.
*/
export class Dialogue {
  readonly socket: Socket
  readonly #conversation: Conversation
  /** Messages to handle, from `#next` on. Shifting a long array would move all of it. */
  #pending: (Message | undefined)[] = []
  #next = 0
  readonly #listener: Listener
  #pendingBytes = 0
  #busy = false
  /** Whether only greetings are handled for now. */
  #greeting = false
  #letIn = false
  #full = false
  /** Time in milliseconds that this client's messages have taken since its last pause. */
  #spentMs = 0
  /** Whether it is other clients' turn. */
  #paused = false
  /** Reason to reset the connection, if the client has broken its protocol. */
  #fault: string | undefined
  /** Whether the codec has thrown outside of a message. It is not called again. */
  #isLost = false
  #ended = false
  /** Called when everything read has been handled or is held. */
  onRest: () => void = () => {}
  /** Whether queries that another process can handle are held. */
  #holdsQueries = false
  /** Whether reading has stopped. */
  #frozen = false

  /** @param state `state` of a conversation that continues here. */
  constructor(socket: Socket, codec: Codec, listener: Listener, state?: Uint8Array) {
    this.socket = socket
    this.#conversation = codec.open(state)
    this.#listener = listener
    socket.on('data', (chunk: Buffer) => this.#receive(chunk))
    // The server may accept connections paused, for others to resume (`pauseOnConnect`).
    socket.resume()
    // A client that has ended its side may still read replies, if the server allows half-open connections.
    socket.on('end', () => {
      this.#ended = true
      this.#endWhenDone()
    })
    // A reset is ordinary: `close` follows.
    socket.on('error', () => {})
  }

  /** Whether the client has been let in, even if it has broken its protocol since. */
  get established(): boolean {
    this.#letIn ||= this.#ask(({ established }) => Boolean(established)) ?? false
    return this.#letIn
  }

  /** Stops handling queries that another process can handle: {@link suspend} returns them. */
  holdQueries(): void {
    this.#holdsQueries = true
  }

  /** Whether a query is held. */
  get hasHeld(): boolean {
    if (!this.#holdsQueries || this.#busy) return false
    return this.#ask(() => isHeldable(this.#pending[this.#next])) ?? false
  }

  /** Holds queries and stops reading. */
  freeze(): void {
    this.#holdsQueries = true
    this.#frozen = true
    if (!this.socket.destroyed) stopReading(this.socket)
  }

  /** Undoes {@link holdQueries} and {@link freeze}. */
  thaw(): void {
    this.#holdsQueries = false
    this.#frozen = false
    if (!this.#full && !this.socket.destroyed && this.#fault === undefined) startReading(this.socket)
    this.#goOn()
  }

  /**
  Returns the state that another process needs to continue with the client, once everything handled here is answered.

  @returns undefined if it is not: {@link onRest} is called once it is.
  */
  suspend(): Suspended | undefined {
    if (this.#busy || this.#paused || this.#fault !== undefined) return undefined
    return this.#ask(({ state, rest = NOTHING }) => {
      const messages = this.#pending.slice(this.#next)
      const raws = messages.map(rawOf)
      if (!raws.every((raw) => raw !== undefined)) return undefined
      return {
        state: state && Buffer.from(state),
        unread: Buffer.concat([...raws, rest]),
        asks: isHeldable(messages[0]),
      }
    })
  }

  /** Whether all messages read have been handled. Part of the next one may have been read. */
  get isAnswered(): boolean {
    return this.#allTaken && !this.#busy
  }

  /** Whether everything read has been handled, and no part of a message is left. */
  get isBetweenMessages(): boolean {
    return this.isAnswered && this.#ask(({ rest = NOTHING }) => rest.length === 0) === true
  }

  /** Whether another process could continue with the client. */
  get isMovable(): boolean {
    return this.#ask(({ rest }) => rest !== undefined) ?? false
  }

  /** Handles only the greeting until {@link resume}. Everything else waits. */
  greet(): void {
    this.#greeting = true
  }

  /** Handles all messages. */
  resume(): void {
    this.#greeting = false
    this.#goOn()
  }

  /** Receives input that another process has read from the client. */
  receiveEarlier(bytes: Uint8Array): void {
    if (bytes.length > 0) this.#receive(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length))
  }

  #receive(chunk: Buffer): void {
    if (this.socket.destroyed || this.#fault !== undefined) return
    this.#pendingBytes += chunk.length
    try {
      this.#queue(this.#conversation.receive(chunk))
    } catch (error) {
      this.#failBy(this.#queueBefore(error))
    }
    this.#goOn()
  }

  /**
  Queues the messages completed before an error of the codec, which are handled first: packet boundaries must not matter.

  @returns the error, or the one that reading its messages throws.
  */
  #queueBefore(error: unknown): unknown {
    try {
      if (isProtocolError(error)) this.#queue(error.messages)
      return error
    } catch (ofMessages) {
      return ofMessages
    }
  }

  /**
  Reads from the codec while no message is being handled. If that throws, resets the connection, once the query under way
  is answered.

  @returns undefined if the codec throws, now or before.
  */
  #ask<T>(read: (conversation: Conversation) => T): T | undefined {
    if (this.#isLost) return undefined
    try {
      return read(this.#conversation)
    } catch (error) {
      this.#isLost = true
      this.#failNow(error)
      this.#goOn()
      return undefined
    }
  }

  get #allTaken(): boolean {
    return this.#next === this.#pending.length
  }

  #queue(messages: readonly Message[]): void {
    expectMessages(messages, 'messages')
    this.#letIn ||= messages.some(isForListener)
    this.#pending = this.#allTaken ? [...messages] : this.#pending.slice(this.#next).concat(messages)
    this.#next = 0
  }

  /** Stops reading from a client and resets its connection, once earlier messages have been handled. */
  #failBy(error: unknown): void {
    // The codec itself has failed, which its author must see.
    if (!isProtocolError(error)) reportError(error)
    this.#fault ??= messageOf(error)
    // The client is lost: no other process continues with it.
    this.#holdsQueries = false
    this.#frozen = false
    if (!this.socket.destroyed) stopReading(this.socket)
  }

  /** Does the same for a message that was already taken, and drops the messages after it. */
  #failNow(error: unknown): void {
    this.#forget()
    this.#fault = undefined
    this.#failBy(error)
  }

  #goOn(): void {
    const begun = uptimeMs() - this.#spentMs
    while (!this.#busy && !this.#paused && !this.socket.destroyed) {
      const message = this.#pending[this.#next]
      if (!message) break
      try {
        if (this.#mustWait(message, begun)) break
        // Releases the message: it may be large once decoded, and messages after it may have to wait.
        this.#pending[this.#next++] = undefined
        this.#take(message)
      } catch (error) {
        this.#failNow(error)
      }
    }
    this.#spentMs = uptimeMs() - begun
    const done = this.isAnswered
    if (done) this.#forget()
    this.#readOrNot()
    if (done && this.#fault !== undefined) this.#breakOff(this.#fault)
    else this.#endWhenDone()
    if (done || this.hasHeld) this.onRest()
  }

  /** @param begun time at which this client's turn began, by `uptimeMs`. */
  #mustWait(message: Message, begun: number): boolean {
    const isListeners = isForListener(message)
    if (this.#greeting && isListeners) return true
    if (this.#holdsQueries && isHeldable(message)) return true
    if (!isListeners || uptimeMs() - begun <= MOST_TURN_MS) return false
    this.#pause()
    return true
  }

  /** Lets other clients have their turn. */
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
        this.#publish(message.reason)
        this.socket.destroySoon()
        break
      case 'update':
        if (this.#listener.passOn) this.#listener.passOn(message, this.#conversation)
        else if (this.#listener.onUpdate) callUpdate(this.#listener.onUpdate, message.value)
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

  #send(reply: Uint8Array | undefined): void {
    try {
      // A client that does not read its replies gets no more of them.
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
    const isWaiting = !this.isAnswered
    const isMuch =
      this.#pendingBytes > MOST_PENDING_BYTES || this.#pending.length - this.#next > MOST_PENDING_MESSAGES
    const full = isWaiting && isMuch
    if (full === this.#full || this.#fault !== undefined || this.socket.destroyed) return
    this.#full = full
    if (this.#frozen) return
    if (full) stopReading(this.socket)
    else startReading(this.socket)
  }

  #endWhenDone(): void {
    if (this.#ended && this.isAnswered) this.socket.end()
  }

  #breakOff(reason: string): void {
    if (this.socket.destroyed) return
    this.#publish(reason)
    cut(this.socket)
  }

  #publish(reason: string): void {
    sign('qclone:client', { reason, remoteAddress: this.socket.remoteAddress })
  }
}

/**
Begins a dialogue with a client. Closes the connection if the client is not let in within `timeout`.

@param timeout maximum time for the greeting, in milliseconds.
@param state `state` of a conversation that continues here.
@returns undefined if the codec throws. The error is printed and the connection reset.
*/
export function openDialogue(
  socket: Socket,
  codec: Codec,
  timeout = HANDSHAKE_TIMEOUT_MS,
  listener: Listener,
  state?: Uint8Array,
): Dialogue | undefined {
  try {
    const dialogue = new Dialogue(socket, codec, listener, state)
    whileOpen(socket, timeout, () => {
      if (!dialogue.established) socket.destroy()
    })
    return dialogue
  } catch (error) {
    reportError(error)
    cut(socket)
    return undefined
  }
}
