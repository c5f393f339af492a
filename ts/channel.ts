import { EventEmitter } from 'node:events'
import { Socket } from 'node:net'
import { setImmediate } from './clock.js'
import { type Frame, Frames, KIND, waitsFrame } from './frames.js'
import { native } from './native.js'

export interface LinkEvents {
  frame: [Frame]
  /** There is room again, after `send` has returned false. */
  drain: []
  /** {@link Link.isOver} from now on. */
  over: []
  /** Nothing comes any more, and nothing can be sent. */
  close: []
}

/** What carries frames between two sides. */
export interface Link extends EventEmitter<LinkEvents> {
  /** Whether the other side sends no more: to pause holds up nobody but who waits for the end. */
  readonly isOver: boolean
  /** @returns false when it is better to wait for `drain` before sending more. */
  send(frame: Uint8Array): boolean
  /** Delivers no frame until {@link resume}. What is sent meanwhile waits, in the end with its sender. */
  pause(): void
  resume(): void
  /** Sends what is to be sent, and closes. */
  end(): void
  ref(): void
  unref(): void
}

/** What a channel is opened with. */
export interface ChannelOptions {
  /** Whether this side sends. */
  writable: boolean
  /** Bytes of the largest message that is accepted. */
  maxBytes: number
  /** Called once when the other side sends what is no message. The channel closes, and {@link Channel.fault} says why. */
  onFault?: () => void
}

/** Frames between a clone and its parent, over a descriptor that is this channel's to close. */
export class Channel extends EventEmitter<LinkEvents> implements Link {
  readonly #fd: number
  readonly #socket: Socket
  readonly #frames: Frames
  readonly #onFault: () => void
  /** What was wrong with the bytes that the other side sent, if anything was. */
  fault: Error | undefined
  /** Addresses of the parent's connections on which the clone waits in vain, as it has said. */
  readonly waitsOn: string[] = []
  isOver = false
  #destroyed = false
  #paused = false
  /** Whether the socket is paused, as something has come that is not wanted yet. */
  #isHeld = false
  #atWork = false
  /** Whether there may be more to deliver: a listener is being called, or has thrown. */
  #isBehind = false
  /** Whether nothing more is to be read. */
  #over = false
  /** Whether the descriptor stays open only until the other side closes its own. */
  #lingers = false
  #closed = false
  #quietTurns = 0
  #whenResumed: (() => void) | undefined

  constructor(fd: number, { writable, maxBytes, onFault = () => {} }: ChannelOptions) {
    super()
    this.#fd = fd
    this.#frames = new Frames(maxBytes)
    this.#onFault = onFault
    this.#socket = new Socket({ fd, readable: true, writable })
    this.#socket.on('data', (chunk: Buffer) => {
      // Sent before the other side knew of the end, or behind what could not be read.
      if (this.#lingers || this.fault) return
      this.#quietTurns = 0
      this.#frames.push(chunk)
      this.#deliver()
    })
    this.#socket.on('drain', () => this.emit('drain'))
    // The other side may end at any time: `close` follows.
    this.#socket.on('error', () => {})
    this.#socket.on('close', () => {
      this.#over = true
      this.#noteOver()
      this.#closeWhenDelivered()
    })
  }

  send(frame: Uint8Array): boolean {
    return this.#socket.writable && this.#socket.write(frame)
  }

  pause(): void {
    this.#paused = true
  }

  resume(): void {
    if (!this.#paused) return
    this.#paused = false
    this.#deliver()
  }

  /**
  The other side has ended. A process that it left behind may hold its end open, so that nothing tells of the end:
  what there is to read is read, and the channel closed.
  */
  otherSideHasEnded(): void {
    const look = () => {
      if (this.#lingers) return void this.#socket.destroy()
      if (this.#over) return
      // A paused channel is looked at when it goes on.
      if (this.#paused) this.#whenResumed = () => setImmediate(look)
      else if (++this.#quietTurns > QUIET_TURNS) this.#socket.destroy()
      else setImmediate(look)
    }
    this.#quietTurns = 0
    setImmediate(look)
    this.#noteOver()
  }

  /** Sends at once, standing still, unless something is still to be sent: false. */
  sendNow(frame: Uint8Array): boolean {
    if (this.#socket.destroyed || this.#socket.writableLength > 0) return false
    try {
      native().writeAll(this.#fd, frame)
      return true
    } catch {
      return false
    }
  }

  /** In a clone: says on which connection it waits in vain. */
  readonly tellWaits = (peer: string) => void this.send(waitsFrame(peer))

  /**
  Nothing that comes is delivered once all has left. But the descriptor stays open until the other side has closed its
  own: what it sends meanwhile would fail, and a socket that fails to write is destroyed with what it has not read yet.
  */
  end(): void {
    this.#socket.end(() => {
      this.#lingers = true
      this.#over = true
      this.#socket.unref()
      this.#closeWhenDelivered()
    })
  }

  /** Closes at once. Nothing is delivered any more. */
  destroy(): void {
    this.#destroyed = true
    this.#socket.destroy()
  }

  ref(): void {
    this.#socket.ref()
  }

  unref(): void {
    this.#socket.unref()
  }

  #deliver(): void {
    // A listener may pause, and resume: then the call that is under way goes on.
    if (this.#atWork) return
    this.#atWork = true
    this.#isBehind = true
    try {
      while (!this.#paused && !this.#destroyed) {
        const next = this.#take()
        if (!next) break
        if (next.kind === KIND.waits) this.#noteWait(next.body.toString())
        else this.emit('frame', next)
      }
      this.#isBehind = false
    } finally {
      this.#atWork = false
      // The error is for whoever takes uncaught ones, who may have this process go on.
      if (this.#isBehind) setImmediate(() => this.#deliver())
    }
    if (this.#paused) this.#hold()
    else this.#goOn()
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

  /** Not before something has come that is not wanted: most pauses end sooner. */
  #hold(): void {
    if (this.#isHeld || this.#frames.isEmpty) return
    this.#isHeld = true
    this.#socket.pause()
  }

  #goOn(): void {
    if (this.#isHeld) this.#socket.resume()
    this.#isHeld = false
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
    if (!this.#over || this.#closed || this.#paused || this.#isBehind) return
    this.#closed = true
    this.emit('close')
  }
}

/** A message that names more connections than this is no better. */
const MOST_WAITS = 3

/** Turns of the event loop without anything to read after which nothing more comes from a process that has ended. */
const QUIET_TURNS = 2
