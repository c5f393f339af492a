import { EventEmitter } from 'node:events'
import { Socket } from 'node:net'
import { native } from '../native.js'
import { setImmediate } from '../node-internals/clock.js'
import { type Frame, Frames, KIND, waitsFrame } from './frames.js'

/** Events of a {@link Link}. */
export interface LinkEvents {
  frame: [Frame]
  /** Emitted when there is room again, after `send` has returned false. */
  drain: []
  /** Emitted when {@link Link.isOver} becomes true. */
  over: []
  /** Emitted when nothing more can arrive or be sent. */
  close: []
}

/** Connection that carries frames between two sides. */
export interface Link extends EventEmitter<LinkEvents> {
  /** Whether the other side sends nothing more. A pause then only delays the end. */
  readonly isOver: boolean
  /** Sends a frame. @returns false if it is better to wait for `drain` before sending more. */
  send(frame: Uint8Array): boolean
  /**
  Stops the delivery of frames until {@link resume}. Frames sent before then wait; once buffers are full, so does the
  sender.
  */
  pause(): void
  resume(): void
  /** Closes once all pending frames have been sent. */
  end(): void
  ref(): void
  unref(): void
}

/** Options of a {@link Channel}. */
export interface ChannelOptions {
  /** Whether this side sends. */
  writable: boolean
  /** Maximum size of a message that is accepted, in bytes. */
  maxBytes: number
  /**
  Called once if the other side sends bytes that are not a message. The channel closes; {@link Channel.fault} says why.
  */
  onFault?: () => void
}

/** Connection between a clone and its parent that carries frames. Owns its file descriptor and closes it. */
export class Channel extends EventEmitter<LinkEvents> implements Link {
  readonly #fd: number
  readonly #socket: Socket
  readonly #frames: Frames
  readonly #onFault: () => void
  /** Error in the bytes that the other side sent. */
  fault: Error | undefined
  /** Addresses of the parent's connections on which the clone has reported waiting in vain. */
  readonly waitsOn: string[] = []
  isOver = false
  #input: Input = 'open'
  #flow: Flow = 'on'
  #delivery: Delivery = 'done'
  #quietTurns = 0
  #whenResumed: (() => void) | undefined

  constructor(fd: number, { writable, maxBytes, onFault = () => {} }: ChannelOptions) {
    super()
    this.#fd = fd
    this.#frames = new Frames(maxBytes)
    this.#onFault = onFault
    this.#socket = new Socket({ fd, readable: true, writable })
    this.#socket.on('data', (chunk: Buffer) => {
      // Sent before the other side knew of the end, or after bytes that could not be read.
      if (this.#input !== 'open' || this.#socket.destroyed) return
      this.#quietTurns = 0
      this.#frames.push(chunk)
      this.#deliver()
    })
    this.#socket.on('drain', () => this.emit('drain'))
    // The other side may end at any time: `close` follows.
    this.#socket.on('error', () => {})
    this.#socket.on('close', () => {
      if (this.#input === 'open') this.#input = 'over'
      this.#noteOver()
      this.#closeWhenDelivered()
    })
  }

  send(frame: Uint8Array): boolean {
    return this.#socket.writable && this.#socket.write(frame)
  }

  pause(): void {
    if (this.#flow === 'on') this.#flow = 'paused'
  }

  resume(): void {
    if (this.#flow === 'on') return
    if (this.#flow === 'held') this.#socket.resume()
    this.#flow = 'on'
    this.#deliver()
  }

  /**
  Reads the remaining input and closes, since the other side has ended. A process that the other side has started may
  still hold that end of the connection open, so the socket does not report the end.
  */
  otherSideHasEnded(): void {
    const look = () => {
      if (this.#input === 'lingering') return void this.#socket.destroy()
      if (this.#input !== 'open') return
      // A paused channel is checked once it resumes.
      if (this.#flow !== 'on') this.#whenResumed = () => setImmediate(look)
      else if (++this.#quietTurns > QUIET_TURNS) this.#socket.destroy()
      else setImmediate(look)
    }
    this.#quietTurns = 0
    setImmediate(look)
    this.#noteOver()
  }

  /** Sends synchronously. @returns false if that failed, or if earlier frames are still pending. */
  sendNow(frame: Uint8Array): boolean {
    if (this.#socket.destroyed || this.#socket.writableLength > 0) return false
    try {
      native().writeAll(this.#fd, frame)
      return true
    } catch {
      return false
    }
  }

  /** In a clone: reports a connection on which the clone waits in vain. */
  readonly tellWaits = (peer: string) => void this.send(waitsFrame(peer))

  /**
  Closes once all pending frames have been sent; later input is dropped. The descriptor stays open until the other side
  has closed its own. Otherwise, a write by the other side would fail and destroy its socket along with unread data.
  */
  end(): void {
    this.#socket.end(() => {
      if (this.#input === 'open') this.#input = 'lingering'
      this.#socket.unref()
      this.#closeWhenDelivered()
    })
  }

  /** Closes immediately and delivers nothing more. */
  destroy(): void {
    this.#frames.clear()
    this.#socket.destroy()
  }

  ref(): void {
    this.#socket.ref()
  }

  unref(): void {
    this.#socket.unref()
  }

  #deliver(): void {
    // A listener can pause and resume. The call in progress then continues.
    if (this.#delivery === 'under way' || this.#delivery === 'closed') return
    this.#delivery = 'under way'
    try {
      while (this.#flow === 'on') {
        const next = this.#take()
        if (!next) break
        if (next.kind === KIND.waits) this.#noteWait(next.body.toString())
        else this.emit('frame', next)
      }
      this.#delivery = 'done'
    } finally {
      // A listener threw. If a handler of uncaught exceptions lets the process live, delivery must continue.
      if (this.#delivery !== 'done') {
        this.#delivery = 'broken off'
        setImmediate(() => this.#deliver())
      }
    }
    if (this.#flow === 'on') this.#lookAgain()
    else this.#hold()
    this.#closeWhenDelivered()
  }

  #noteWait(peer: string): void {
    if (this.waitsOn.length < MOST_WAITS && !this.waitsOn.includes(peer)) this.waitsOn.push(peer)
  }

  #take(): Frame | undefined {
    try {
      return this.#frames.take()
    } catch (error) {
      this.fault = error as Error
      this.destroy()
      this.#onFault()
      return undefined
    }
  }

  /** Pauses the socket, but only once unwanted data has arrived: most pauses end sooner. */
  #hold(): void {
    if (this.#flow !== 'paused' || this.#frames.isEmpty) return
    this.#flow = 'held'
    this.#socket.pause()
  }

  #lookAgain(): void {
    const look = this.#whenResumed
    this.#whenResumed = undefined
    look?.()
  }

  #noteOver(): void {
    if (this.isOver) return
    this.isOver = true
    this.emit('over')
  }

  #closeWhenDelivered(): void {
    if (this.#input === 'open' || this.#flow !== 'on' || this.#delivery !== 'done') return
    this.#delivery = 'closed'
    this.emit('close')
  }
}

/**
Input that can still arrive:

- `open`: frames.
- `lingering`: no wanted input. Everything has been sent, and the descriptor stays open only until the other side closes
  its own.
- `over`: nothing. The socket is closed.
*/
type Input = 'open' | 'lingering' | 'over'

/**
Whether frames are wanted:

- `on`: yes.
- `paused`: not now.
- `held`: not now, and the socket is paused too, because more has arrived.
*/
type Flow = 'on' | 'paused' | 'held'

/**
State of the delivery of received frames:

- `done`: all wanted frames have been delivered.
- `under way`: a listener is being called.
- `broken off`: a listener has thrown, and delivery continues in the next turn.
- `closed`: `close` has been emitted. Nothing follows.
*/
type Delivery = 'done' | 'under way' | 'broken off' | 'closed'

/** Maximum number of connections to remember: naming more does not improve an error message. */
const MOST_WAITS = 3

/** Turns of the event loop without data after which nothing more arrives from a process that has ended. */
const QUIET_TURNS = 2
