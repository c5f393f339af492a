import { EventEmitter, once } from 'node:events'
import type { Channel, Link } from './channel.js'
import { calledInClones } from './clone-context/ahead.js'
import { leave, leaveByError, STATUS_OF_ERROR } from './clone-context/leave.js'
import { decodeThrown, decodeValue, encodeThrown, encodeValue } from './delivery.js'
import { frame, KIND } from './frames.js'
import { AbortController } from './node.js'

const END = frame(KIND.end)

/** How many messages a port holds that nobody has taken. Then its other side is held up. */
const MOST_HELD = 64

/** The events of a {@link Port}. */
export interface PortEvents<Received> {
  message: [value: Received]
  /** The port is closed; with what the other side's function threw, or how the clone died, if that is why. */
  close: [error?: unknown]
  /** There is room again, after `postMessage` has returned false. */
  drain: []
}

/**
One side of the two-way connection between a clone and its parent. Closed when either side closes it, or ends.

Messages travel by structured clone, and arrive in order. They are given to the listeners of `message`, or, as long as
there are none, held for those who iterate over the port.
*/
export class Port<Received = unknown, Sent = unknown> extends EventEmitter<PortEvents<Received>> {
  readonly #link: Link
  readonly #held: Received[] = []
  #closing = false
  #closed = false
  #error: unknown
  #wake: (() => void) | undefined
  #isIterated = false
  /** Whether the other side has said that nothing follows. @internal */
  isWhole = false

  /**
  @param whyEnded asked for an error, if there is one, when the other side has ended without closing the port.
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
        // Not of our making, whatever it is.
        this.#error = error
        return this.#end()
      }
      this.#receive(value)
    })
    link.on('drain', () => this.emit('drain'))
    // What is left fits into the buffers of a socket, and would keep the end from being told.
    link.on('over', () => link.resume())
    link.on('close', () => {
      if (this.#closing) this.#noteClosed()
      else {
        const note = (error: unknown) => this.#noteClosed(error)
        // Of a clone whose status somebody else took, not even how it ended is known.
        whyEnded().then(note, note)
      }
    })
    link.resume()
  }

  /** As of every emitter; what is held goes to a listener of `message`. */
  override on<K extends keyof PortEvents<Received>>(
    event: K,
    listener: (...args: PortEvents<Received>[K]) => void,
  ): this {
    super.on(event, listener as never)
    if (event === 'message') this.#handOut()
    return this
  }

  /** As {@link on}. */
  override addListener<K extends keyof PortEvents<Received>>(
    event: K,
    listener: (...args: PortEvents<Received>[K]) => void,
  ): this {
    return this.on(event, listener)
  }

  /** As {@link on}, before all others. */
  override prependListener<K extends keyof PortEvents<Received>>(
    event: K,
    listener: (...args: PortEvents<Received>[K]) => void,
  ): this {
    super.prependListener(event, listener as never)
    if (event === 'message') this.#handOut()
    return this
  }

  /** Whether nothing can be sent any more, and nothing arrives but what is held. */
  get closed(): boolean {
    return this.#closed
  }

  /**
  Sends a message. On a closed port nothing happens.

  @returns false when it is better to wait for `drain` before sending more.
  @throws {QcloneError} `ERR_QCLONE_UNSERIALIZABLE`.
  */
  postMessage(value: Sent): boolean {
    const frame = encodeValue(KIND.value, value)
    return !this.#closing && this.#link.send(frame)
  }

  /** Closes the port for both sides, once what was sent has left. */
  close(): void {
    if (this.#closing) return
    this.#link.send(END)
    this.#end()
  }

  /** Lets the event loop end while the port is open. */
  unref(): this {
    this.#link.unref()
    return this
  }

  /** Keeps the event loop going while the port is open, as is the default. */
  ref(): this {
    this.#link.ref()
    return this
  }

  /**
  The messages, until the port is closed. Throws what `close` was told.

  @throws {TypeError} when another loop is under way: each message is for one.
  */
  async *[Symbol.asyncIterator](): AsyncGenerator<Received, void, undefined> {
    if (this.#isIterated) {
      throw new TypeError(
        'Expected one loop over a port at a time: give messages on from one, or listen for `message`',
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

  /** Resolves when more may be sent, or never will be. @internal */
  async drained(): Promise<void> {
    if (this.#closed) return
    const over = new AbortController()
    const { signal } = over
    await Promise.race([once(this, 'drain', { signal }), once(this, 'close', { signal })]).finally(() =>
      over.abort(),
    )
  }

  /** Sends what was thrown, and closes. @internal */
  closeWith(error: unknown): void {
    if (this.#closing) return
    this.#link.send(encodeThrown(error))
    this.#end()
  }

  #end(): void {
    this.#closing = true
    this.#link.end()
    // What is held up behind what nobody takes would hold up the end.
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

/** Ends this clone by an error that its parent is told of, or, when that cannot be at once, whoever reads stderr. */
export function leaveWith(error: unknown, channel: Channel): never {
  return channel.sendNow(encodeThrown(error)) ? leave(STATUS_OF_ERROR) : leaveByError(error)
}

const { postMessage, close } = Port.prototype
calledInClones(postMessage, close)
