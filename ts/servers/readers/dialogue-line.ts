import { Buffer } from 'node:buffer'
import type { Socket } from 'node:net'
import type { Conversation, Query } from '../../codecs/codec.js'
import { reportError } from '../../in-clone/exit.js'
import { msUntil, uptimeMs } from '../../node-internals/clock.js'
import { type Dialogue, openDialogue, type UndecodedUpdate } from '../net/dialogue.js'
import { HANDSHAKE_TIMEOUT_MS, replyTo, type SpeakingOptions } from '../net/evaluate.js'
import type { Hurry, Luggage } from './note.js'
import type { Forwarded, Line, ReaderProcess } from './reader-process.js'

/** Minimum time in milliseconds for the greeting of a client that has begun to send it. */
const LEAST_GREETING_MS = 1000

/** Client that a reader begins to serve. */
interface Arrived {
  /** Whether another process can continue the connection. */
  isMovable: boolean
  speaking: SpeakingOptions
  luggage: Luggage
  /** Input that another process has read but not handled. */
  unread: Uint8Array
}

/** In a reader: a client that speaks a codec. */
export class DialogueLine implements Line {
  readonly #reader: ReaderProcess
  readonly #socket: Socket
  readonly #speaking: SpeakingOptions
  readonly #isMovable: boolean
  readonly #dialogue: Dialogue | undefined
  #isLeaving = false
  /** Time of the last update that the client's queries must see, by `uptimeMs`. */
  #wroteAt: number | undefined
  /** Time by which the client must have been let in, by `uptimeMs`. */
  readonly #greetedUntil: number

  constructor(reader: ReaderProcess, socket: Socket, { isMovable, speaking, luggage, unread }: Arrived) {
    this.#reader = reader
    this.#socket = socket
    this.#speaking = speaking
    const { codec, handshakeTimeout = HANDSHAKE_TIMEOUT_MS, onUpdate } = speaking
    this.#greetedUntil = luggage.idleUntil ?? uptimeMs() + handshakeTimeout
    const isForwarding = onUpdate !== undefined && !reader.plan.readOnly
    this.#dialogue = openDialogue(
      socket,
      codec,
      // Input that a client sent in time is read, however long it waited for this reader.
      Math.max(msUntil(this.#greetedUntil), luggage.asks ? LEAST_GREETING_MS : 0),
      {
        onUpdate: undefined,
        ...(isForwarding && { passOn: (update, conversation) => this.#passOn(update, conversation) }),
        onQuery: (query, conversation) => this.#answer(query, conversation),
      },
      stateIn(luggage),
    )
    this.#isMovable = isMovable && this.#dialogue?.isMovable === true
    if (!this.#dialogue) return
    this.#dialogue.onRest = () => {
      if (this.#dialogue?.hasHeld) this.retire()
      else this.#settle()
    }
    this.#wroteAt = luggage.wroteAt
    // The client's queries need a snapshot that contains its updates.
    if (this.#wroteAt !== undefined && this.#wroteAt >= reader.forkedAt) this.#dialogue.holdQueries()
    socket.on('close', () => reader.remove(this))
    reader.add(this, luggage)
    this.#dialogue.receiveEarlier(unread)
  }

  retire(): void {
    this.#isLeaving = true
    if (this.#isMovable) this.#dialogue?.freeze()
    this.#settle()
  }

  /** Idle clients, and those that can be given back in the middle of a message, are already gone. */
  endAtRest(hurry: Hurry): void {
    if (hurry === 'half' && !this.#isMovable && this.#dialogue?.isAnswered) this.#socket.destroySoon()
  }

  /** Does nothing: clients in the middle of a message can move, too. */
  endIfStuck(): void {}

  endIfIdle(): void {
    if (this.#dialogue?.isBetweenMessages) this.#socket.destroySoon()
  }

  async #answer(query: Query, conversation: Conversation): Promise<Uint8Array> {
    const over = this.#reader.begin()
    try {
      return await replyTo(query, conversation, this.#speaking.evaluate)
    } finally {
      over()
    }
  }

  #passOn(update: UndecodedUpdate, conversation: Conversation): void {
    const reader = this.#reader
    const forwarded = packed(update, conversation)
    try {
      reader.forwardUpdate(forwarded)
    } catch (error) {
      reportError(error)
    }
    if (!reader.plan.readYourWrites || !this.#isMovable) return
    // The client's queries wait for a generation that contains this update. Its updates do not wait.
    this.#wroteAt = uptimeMs()
    this.#dialogue?.holdQueries()
  }

  /** Gives the client back as soon as it has its replies. If it cannot move, ends the connection between two messages. */
  #settle(): void {
    const dialogue = this.#dialogue
    const socket = this.#socket
    if (!this.#isLeaving || !dialogue || socket.writableEnded || socket.destroyed) return
    if (socket.writableLength > 0) {
      // Called once everything before it has left.
      socket.write('', () => this.#settle())
      return
    }
    if (!this.#isMovable) {
      if (dialogue.isBetweenMessages) socket.destroySoon()
      return
    }
    const suspended = dialogue.suspend()
    if (!suspended) return
    const { state, unread, asks } = suspended
    const conversation = state ? { state: state.toString('base64') } : { idleUntil: this.#greetedUntil }
    const luggage = {
      ...conversation,
      ...(this.#wroteAt !== undefined && { wroteAt: this.#wroteAt }),
      asks,
    }
    if (this.#reader.giveBack(socket, luggage, unread)) return
    // There is no room to keep the input: it is handled here, from the older snapshot.
    this.#isLeaving = false
    dialogue.thaw()
  }
}

/** Returns an update in the form in which it travels. @throws whatever the codec throws. */
function packed(update: UndecodedUpdate, { state }: Conversation): Forwarded {
  const { raw } = update
  return raw && state ? { raw, state } : { value: update.value }
}

/** Returns the state of a conversation that another process has begun. */
export function stateIn({ state }: Luggage): Uint8Array | undefined {
  return state === undefined ? undefined : Buffer.from(state, 'base64')
}
