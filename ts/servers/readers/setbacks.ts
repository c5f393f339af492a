import { uptimeMs } from '../../node-internals/clock.js'
import { process } from '../../node-internals/process.js'
import { isQcloneError } from '../../types/errors.js'

const FIRST_DELAY_MS = 50
const LAST_DELAY_MS = 5000
/** Number of consecutive readers that end before their first connection, after which none is made for a while. */
const MOST_STILLBORN = 5
/** Length of that pause, in milliseconds. */
const PAUSE_MS = 30_000
/** Number of consecutive failed attempts after which nothing waits for a reader any longer. */
const MOST_FAILURES = 5
/** Error codes of a reader that was forked but ended before it served. */
const ENDED = ['ERR_QCLONE_DIED', 'ERR_QCLONE_START_FAILED']

/** Consecutive failed attempts to make readers, and the delay before the next. */
export class Setbacks {
  /** Readers that ended before their first connection. */
  #stillborn = 0
  /** Attempts that made no reader, because a fork was refused or `before` threw. */
  #refused = 0
  /** Whether a reader has ended by itself since the last one that served. */
  #hasCrashed = false
  #pausedUntil = 0

  /** Whether no reader is made for now, because the last ones ended immediately. */
  get #isPausing(): boolean {
    return uptimeMs() < this.#pausedUntil
  }

  /** Whether so many attempts have failed that nothing should wait for the next. */
  get areMany(): boolean {
    return this.#count >= MOST_FAILURES
  }

  /**
  Whether the parent should serve when there is no reader. Not if the last one ended by itself: a client's request may
  have caused that, and would do the same to the parent.
  */
  get areHopeless(): boolean {
    return this.#isPausing || (this.areMany && !this.#hasCrashed)
  }

  /** Time until the next attempt, in milliseconds: longer after each failure. */
  get delay(): number {
    if (this.#isPausing) return this.#pausedUntil - uptimeMs()
    if (this.#count === 0) return 0
    const longest = Math.min(FIRST_DELAY_MS * 2 ** this.#count, LAST_DELAY_MS)
    // Servers on one machine that fail together do not try again together.
    return longest / 2 + (Math.random() * longest) / 2
  }

  get #count(): number {
    return this.#stillborn + this.#refused
  }

  /** Records that a reader serves. */
  forget(): void {
    this.#stillborn = 0
    this.#refused = 0
    this.#hasCrashed = false
  }

  /** Records that no reader could be made. */
  noteFailure(error: Error): void {
    if (isQcloneError(error) && ENDED.includes(error.code)) this.noteStillborn(error)
    else this.#refused++
  }

  /**
  Records that a reader has ended after it had served. It is replaced soon.

  @param isByItself whether it crashed, exited or hung, rather than being terminated from outside.
  */
  noteDeath(isByItself: boolean): void {
    this.#stillborn = Math.max(this.#stillborn, 1)
    this.#hasCrashed ||= isByItself
  }

  /** Records that a reader ended before its first connection. */
  noteStillborn({ message }: Error): void {
    if (++this.#stillborn < MOST_STILLBORN || this.#isPausing) return
    this.#pausedUntil = uptimeMs() + PAUSE_MS
    process.emitWarning(
      `The last ${this.#stillborn} readers ended before their first connection. No more are made for ${PAUSE_MS / 1000} s, and the parent serves instead. The last one: ${message}`,
      { type: 'QcloneWarning', code: 'QCLONE_READERS' },
    )
  }
}
