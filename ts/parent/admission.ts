import { hold } from '../in-clone/hold.js'
import { onBecomingClone } from '../in-clone/hooks.js'
import { calledInClones } from '../in-clone/precompile.js'
import { AbortController } from '../node-internals/process.js'
import { onAbort } from '../options/on-abort.js'
import type { PoolOptions } from '../options/pool-options.js'
import { onConfigured, settings } from '../options/settings.js'
import { QcloneError } from '../types/errors.js'

/** Places that are taken or waited for. Keeps a pool alive that the user no longer references. */
const inUse = new Set<Places>()

/** Places of a pool's clones, and the queue for them. */
export class Places {
  readonly #bounds: () => Required<PoolOptions>
  /** Name of the function that sets the bounds, for error messages. */
  readonly #allowMoreBy: string
  /** Number of live clones, and of those about to be made. */
  #taken = 0
  /** Calls that wait for a place, in order: how each is let in, and how it is rejected. */
  readonly #waiting = new Map<() => void, (error: QcloneError) => void>()

  constructor(bounds: () => Required<PoolOptions>, allowMoreBy: string) {
    this.#bounds = bounds
    this.#allowMoreBy = allowMoreBy
  }

  /**
  Takes a place for a clone, in the order of calls. {@link giveBack} gives it back.

  @param signal Signal that removes the call from the queue.
  @returns `false` if the signal was aborted before the call got a place.
  @throws {QcloneError} `ERR_QCLONE_QUEUE_FULL` if too many calls wait.
  */
  async take(signal: AbortSignal | undefined, queued: (waiting: number) => void): Promise<boolean> {
    const waiting = this.#waiting
    if (waiting.size === 0 && this.#hasRoom()) {
      this.#occupy()
      return true
    }
    if (waiting.size >= this.#bounds().maxQueue) throw this.#queueFull()
    return new Promise((resolve, reject) => {
      const enter = () => {
        release?.()
        resolve(true)
      }
      const quit = () => {
        waiting.delete(enter)
        release?.()
        resolve(false)
      }
      const release = signal && onAbort(signal, quit)
      waiting.set(enter, (error) => {
        release?.()
        reject(error)
      })
      queued(waiting.size)
    })
  }

  /** Whether any call waits for a place. */
  get someWait(): boolean {
    return this.#waiting.size > 0
  }

  /**
  Takes a place now.

  @throws {QcloneError} `ERR_QCLONE_QUEUE_FULL` if there is none, or other calls wait for one.
  */
  takeNow(): void {
    if (this.someWait || !this.#hasRoom()) throw this.#queueFull()
    this.#occupy()
  }

  /** Gives back the place of a clone that has ended, or was not made. */
  giveBack(): void {
    this.#taken--
    this.letIn()
    if (this.#taken === 0) inUse.delete(this)
  }

  /**
  Lends the place of a live clone to another one while it can only wait for its client.

  @returns a function that takes the place back, to be called before the clone ends. The number of clones can then
  exceed the bounds for a while.
  */
  lend(): () => void {
    this.giveBack()
    let isLent = true
    return () => {
      if (isLent) this.#occupy()
      isLent = false
    }
  }

  /** Lets in as many waiting calls as there is room for. */
  letIn(): void {
    for (const enter of this.#waiting.keys()) {
      if (!this.#hasRoom()) return
      this.#waiting.delete(enter)
      this.#occupy()
      enter()
    }
  }

  /** Rejects all waiting calls. */
  turnAway(): void {
    const rejections = [...this.#waiting.values()]
    this.#waiting.clear()
    for (const reject of rejections) reject(turnedAway())
  }

  /** In a clone: drops the parent's clones and waiting calls. */
  forget(): void {
    this.#taken = 0
    hold([...this.#waiting])
    this.#waiting.clear()
  }

  #hasRoom(): boolean {
    return this.#taken < this.#bounds().maxClones
  }

  #occupy(): void {
    this.#taken++
    inUse.add(this)
  }

  #queueFull(): QcloneError {
    const { maxClones, maxQueue } = this.#bounds()
    const message = `${this.#taken} of at most ${maxClones} clones are alive and ${this.#waiting.size} of at most ${maxQueue} calls wait: call again later, or allow more with \`${this.#allowMoreBy}\``
    return new QcloneError('ERR_QCLONE_QUEUE_FULL', message)
  }
}

/** Places of the default pool: the module's functions and all servers. */
export const defaultPlaces = new Places(settings, 'configure')

onConfigured(() => defaultPlaces.letIn())

let stop = new AbortController()

/** Signal of the calls made until {@link abortWaiting} is called. */
export function stopSignal(): AbortSignal {
  return stop.signal
}

/** Rejects all calls that wait for a place and, through {@link stopSignal}, those with a place and no clone yet. */
export function abortWaiting(): void {
  stop.abort()
  stop = new AbortController()
  for (const places of inUse) places.turnAway()
}

/** Error of a call that {@link abortWaiting} has ended. Each call has its own. */
export function turnedAway(): QcloneError {
  return new QcloneError('ERR_QCLONE_ABORTED', 'the task was aborted by `stopAll` before it had a clone')
}

onBecomingClone('places', () => {
  for (const places of inUse) places.forget()
  inUse.clear()
})

calledInClones(Places.prototype.forget)
