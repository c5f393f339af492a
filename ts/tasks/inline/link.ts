import { EventEmitter } from 'node:events'
import { setImmediate } from '../../node-internals/clock.js'
import type { Link, LinkEvents } from '../../transport/channel.js'
import { Frames } from '../../transport/frames.js'

/** Link between two sides in one process. */
export class LocalLink extends EventEmitter<LinkEvents> implements Link {
  readonly #arrived: Uint8Array[] = []
  #other: LocalLink | undefined
  #paused = true
  isOver = false

  static pair(): [LocalLink, LocalLink] {
    const [a, b] = [new LocalLink(), new LocalLink()]
    a.#other = b
    b.#other = a
    return [a, b]
  }

  send(frame: Uint8Array): boolean {
    const other = this.#other
    if (other) other.#arrive(frame)
    return other !== undefined
  }

  pause(): void {
    this.#paused = true
  }

  resume(): void {
    this.#paused = false
    setImmediate(() => this.#deliver())
  }

  end(): void {
    for (const side of [this, this.#other]) {
      if (!side || side.isOver) continue
      side.isOver = true
      side.resume()
      side.emit('over')
    }
  }

  ref(): void {}

  unref(): void {}

  #arrive(frame: Uint8Array): void {
    this.#arrived.push(frame)
    setImmediate(() => this.#deliver())
  }

  #deliver(): void {
    while (!this.#paused) {
      const bytes = this.#arrived.shift()
      if (!bytes) break
      const frames = new Frames(Infinity)
      frames.push(bytes)
      const frame = frames.take()
      if (frame) this.emit('frame', frame)
    }
    if (this.isOver && this.#arrived.length === 0 && this.#other) {
      this.#other = undefined
      this.emit('close')
    }
  }
}
