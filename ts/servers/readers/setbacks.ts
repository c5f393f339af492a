import { uptimeMs } from '../../node-internals/clock.js'
import { process } from '../../node-internals/process.js'
import { isQcloneError } from '../../types/errors.js'

const FIRST_DELAY_MS = 50
const LAST_DELAY_MS = 5000
/** Readers that end before their first connection, one after another, after which none is made for a while. */
const MOST_STILLBORN = 5
/** That while, in milliseconds. */
const PAUSE_MS = 30_000
/** Attempts that fail, one after another, after which nobody waits for a reader any longer. */
const MOST_FAILURES = 5
/** Codes of a reader that was born, and ended before it served. */
const ENDED = ['ERR_QCLONE_DIED', 'ERR_QCLONE_START_FAILED']

/** Attempts in a row to make readers that came to nothing, and how long to wait for the next. */
export class Setbacks {
  /** Readers that ended before their first connection. */
  #stillborn = 0
  /** Attempts that made no reader, because a fork was refused or `before` threw. */
  #refused = 0
  #pausedUntil = 0

  /** Whether no reader is made for now, since the last ones ended at once. */
  get isPausing(): boolean {
    return uptimeMs() < this.#pausedUntil
  }

  /** Whether so many attempts failed that nobody should wait for the next. */
  get areMany(): boolean {
    return this.#count >= MOST_FAILURES
  }

  /** Time until the next attempt, in milliseconds: longer after each failure. */
  get delay(): number {
    if (this.isPausing) return this.#pausedUntil - uptimeMs()
    if (this.#count === 0) return 0
    const longest = Math.min(FIRST_DELAY_MS * 2 ** this.#count, LAST_DELAY_MS)
    // Servers on one machine that fail together do not try again together.
    return longest / 2 + (Math.random() * longest) / 2
  }

  get #count(): number {
    return this.#stillborn + this.#refused
  }

  /** Notes that a reader serves. */
  forget(): void {
    this.#stillborn = 0
    this.#refused = 0
  }

  /** Notes that no reader could be made. @returns whether a pause begins. */
  noteFailure(error: Error): boolean {
    if (isQcloneError(error) && ENDED.includes(error.code)) return this.noteStillborn(error)
    this.#refused++
    return false
  }

  /** Notes that a reader died of its work. It is replaced soon: its clients must not bring the parent to serve them. */
  noteDeath(): void {
    this.#stillborn = Math.max(this.#stillborn, 1)
  }

  /** Notes that a reader ended before its first connection. @returns whether a pause begins. */
  noteStillborn({ message }: Error): boolean {
    if (++this.#stillborn < MOST_STILLBORN || this.isPausing) return false
    this.#pausedUntil = uptimeMs() + PAUSE_MS
    process.emitWarning(
      `The last ${this.#stillborn} readers ended before their first connection: no other is made for ${PAUSE_MS / 1000} s, and what no reader serves the parent does. The last one: ${message}`,
      { type: 'QcloneWarning', code: 'QCLONE_READERS' },
    )
    return true
  }
}
