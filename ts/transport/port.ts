import { EventEmitter, once } from 'node:events'
import { leave, leaveByError, STATUS_OF_ERROR } from '../in-clone/exit.js'
import { calledInClones } from '../in-clone/precompile.js'
import { AbortController } from '../node-internals/process.js'
import type { Channel, Link } from './channel.js'
import { frame, KIND } from './frames.js'
import { decodeThrown, decodeValue, encodeThrown, encodeValue } from './messages.js'

const END = frame(KIND.end)

/** Number of buffered messages at which the other side starts to wait. */
const MOST_HELD = 64

/** Events of a {@link Port}. */
export interface PortEvents<Received> {
  /** Emitted for each message. */
  message: [value: Received]
  /**
  Emitted when either side has closed the port or ended. `error` is the value thrown by the other side's function, or
  describes how the clone died, if that is the reason.
  */
  close: [error?: unknown]
  /** Emitted when there is room again, after `postMessage` has returned false. */
  drain: []
}

/**
One side of the two-way connection between a resident clone and its parent. It closes when either side closes it or
ends.

Messages travel by structured clone, in order. They are emitted to listeners of `message`; while there are none, they
are buffered for a loop over the port.
*/
export class Port<Received = unknown, Sent = unknown> extends EventEmitter<PortEvents<Received>> {
  readonly #link: Link
  readonly #held: Received[] = []
  #closing = false
  #closed = false
  #error: unknown
  #wake: (() => void) | undefined
  #isIterated = false
  /** Whether the other side has sent everything. @internal */
  isWhole = false

  /**
  @param whyEnded called if the other side has ended without closing the port. Resolves to an error, if there is one.
  @internal
  */
  constructor(link: Link, whyEnded: () => Promise<unknown> = async () => undefined) {
    super()
    this.#link = link
    link.on('frame', (frame) => {
      let value: Received
      try {
        if (frame.kind === KIND.value) {
          value = decodeValue(frame) as Received
        } else {
          if (frame.kind === KIND.thrown) this.#error = decodeThrown(frame)
          else this.isWhole = true
          return this.#end()
        }
      } catch (error) {
        // The frame is malformed, and was not made by this library.
        this.#error = error
        return this.#end()
      }
      this.#receive(value)
    })
    link.on('drain', () => this.emit('drain'))
    // The remaining data fits into the socket's buffers. Left unread, it would hide the end.
    link.on('over', () => link.resume())
    link.on('close', () => {
      if (this.#closing) this.#noteClosed()
      else {
        const note = (error: unknown) => this.#noteClosed(error)
        // `whyEnded` rejects if another wait took the clone's status.
        whyEnded().then(note, note)
      }
    })
    link.resume()
  }

  /** Adds a listener. Buffered messages go to the first listener of `message`. */
  override on<K extends keyof PortEvents<Received>>(
    event: K,
    listener: (...args: PortEvents<Received>[K]) => void,
  ): this {
    super.on(event, listener as never)
    if (event === 'message') this.#handOut()
    return this
  }

  /** Adds a listener, as {@link on} does. */
  override addListener<K extends keyof PortEvents<Received>>(
    event: K,
    listener: (...args: PortEvents<Received>[K]) => void,
  ): this {
    return this.on(event, listener)
  }

  /** Adds a listener in front of all others. */
  override prependListener<K extends keyof PortEvents<Received>>(
    event: K,
    listener: (...args: PortEvents<Received>[K]) => void,
  ): this {
    super.prependListener(event, listener as never)
    if (event === 'message') this.#handOut()
    return this
  }

  /** Whether the port is closed: nothing can be sent, and only buffered messages are left to read. */
  get closed(): boolean {
    return this.#closed
  }

  /**
  Sends a message. Does nothing on a closed port.

  @returns false if it is better to wait for `drain` before sending more.
  @throws {QcloneError} `ERR_QCLONE_UNSERIALIZABLE` if the value cannot travel.
  */
  postMessage(value: Sent): boolean {
    const frame = encodeValue(KIND.value, value)
    return !this.#closing && this.#link.send(frame)
  }

  /** Closes the port for both sides, once all pending messages have been sent. */
  close(): void {
    if (this.#closing) return
    this.#link.send(END)
    this.#end()
  }

  /** Lets the event loop end even if the port is open. */
  unref(): this {
    this.#link.unref()
    return this
  }

  /** Keeps the event loop alive while the port is open, which is the default. */
  ref(): this {
    this.#link.ref()
    return this
  }

  /**
  Iterates over the messages until the port closes, and throws the error of `close`. Leaving the loop leaves the port
  open.

  @throws {TypeError} if another loop over the port is in progress.
  */
  async *[Symbol.asyncIterator](): AsyncGenerator<Received, void, undefined> {
    if (this.#isIterated) {
      throw new TypeError(
        'Expected one loop over a port at a time: pass messages on from the first one, or listen for `message`',
      )
    }
    this.#isIterated = true
    try {
      yield* this.#messages()
    } finally {
      this.#isIterated = false
    }
  }

  async *#messages(): AsyncGenerator<Received, void, undefined> {
    for (;;) {
      if (this.#held.length > 0) {
        yield this.#held.shift() as Received
        if (this.#held.length < MOST_HELD) this.#link.resume()
      } else if (this.#closed) {
        if (this.#error !== undefined) throw this.#error
        return
      } else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve
        })
      }
    }
  }

  /** Resolves when there is room for more, or the port is closed. @internal */
  async drained(): Promise<void> {
    if (this.#closed) return
    const over = new AbortController()
    const { signal } = over
    await Promise.race([once(this, 'drain', { signal }), once(this, 'close', { signal })]).finally(() =>
      over.abort(),
    )
  }

  /** Sends an error and closes the port. @internal */
  closeWith(error: unknown): void {
    if (this.#closing) return
    this.#link.send(encodeThrown(error))
    this.#end()
  }

  #end(): void {
    this.#closing = true
    this.#link.end()
    // A pause would delay the end behind messages that no one reads.
    this.#link.resume()
  }

  #noteClosed(error?: unknown): void {
    if (this.#closed) return
    this.#closed = true
    this.#error ??= error
    this.#wake?.()
    this.emit('close', this.#error)
  }

  #receive(value: Received): void {
    if (this.listenerCount('message') > 0 && this.#held.length === 0) {
      this.emit('message', value)
      return
    }
    this.#held.push(value)
    if (this.#held.length >= MOST_HELD && !this.#closing && !this.#link.isOver) this.#link.pause()
    this.#wake?.()
    this.#handOut()
  }

  #handOut(): void {
    while (this.#held.length > 0 && this.listenerCount('message') > 0) {
      this.emit('message', this.#held.shift() as Received)
    }
    if (this.#held.length < MOST_HELD) this.#link.resume()
  }
}

/** Exits this clone with an error: sends it to the parent, or prints it on stderr if it cannot be sent immediately. */
export function leaveWith(error: unknown, channel: Channel): never {
  return channel.sendNow(encodeThrown(error)) ? leave(STATUS_OF_ERROR) : leaveByError(error)
}

const { postMessage, close } = Port.prototype
calledInClones(postMessage, close)
