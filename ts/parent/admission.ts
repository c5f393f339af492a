import { hold } from '../in-clone/hold.js'
import { onBecomingClone } from '../in-clone/hooks.js'
import { calledInClones } from '../in-clone/precompile.js'
import { AbortController } from '../node-internals/process.js'
import { onAbort } from '../options/on-abort.js'
import type { PoolOptions } from '../options/pool-options.js'
import { onConfigured, settings } from '../options/settings.js'
import { QcloneError } from '../types/errors.js'
import { Counts } from './counts.js'
import { Pacing, type Visitor } from './pacing.js'
import { type Call, Queue } from './queue.js'

/** Places that are taken or waited for. Keeps a pool alive that the user no longer references. */
const inUse = new Set<Places>()

/** How a call takes a place. */
export interface Entry {
  /** Client that the clone will serve; undefined for a task. */
  readonly client?: Visitor | undefined
  /** Removes the call from the queue. */
  readonly signal?: AbortSignal | undefined
  /** Called with the number of waiting calls, if this call waits. */
  readonly queued?: (waiting: number) => void
}

/** Called once the clone has started, or will not start. The clone keeps its place. */
export type Started = () => void

/** Share of `maxClones` waiting for clients of one address, above which its new clients may be hostile. */
const SLOW_SHARE = 1 / 4

/** Places of a pool's clones, and the queue for them. */
export class Places {
  readonly #bounds: () => Required<PoolOptions>
  /** Name of the function that sets the bounds, for error messages. */
  readonly #allowMoreBy: string
  /** Number of live clones, and of those about to be made. */
  #taken = 0
  /** Live clones that have lent their places, by the address of their client. */
  readonly #lent = new Counts()
  readonly #waiting = new Queue()
  readonly #pacing = new Pacing(
    (address) => this.#lent.of(address) > this.#bounds().maxClones * SLOW_SHARE,
    () => this.letIn(),
  )

  constructor(bounds: () => Required<PoolOptions>, allowMoreBy: string) {
    this.#bounds = bounds
    this.#allowMoreBy = allowMoreBy
  }

  /**
  Takes a place for a clone, in the order of {@link Queue} and at the pace of {@link Pacing}. {@link giveBack} gives it
  back.

  @returns a function to call once the clone has started; undefined if the signal was aborted first.
  @throws {QcloneError} `ERR_QCLONE_QUEUE_FULL` if too many calls wait for a place.
  */
  async take({ client, signal, queued = () => {} }: Entry): Promise<Started | undefined> {
    if (this.#isFullFor(client)) throw this.#queueFull()
    return new Promise((resolve, reject) => {
      let release: (() => void) | undefined
      const call: Call = {
        client,
        enter: (started) => {
          release?.()
          resolve(started)
        },
        reject: (error) => {
          release?.()
          reject(error)
        },
      }
      const quit = () => {
        this.#waiting.delete(call)
        release?.()
        resolve(undefined)
      }
      this.#waiting.add(call)
      this.letIn()
      if (!this.#waiting.has(call)) return
      release = signal && onAbort(signal, quit)
      queued(this.#waiting.size)
    })
  }

  /** Whether any call waits because all places are taken. */
  get someLackPlaces(): boolean {
    return this.#free === 0 && this.#waiting.size > 0
  }

  /**
  Takes a place now.

  @throws {QcloneError} `ERR_QCLONE_QUEUE_FULL` if there is none.
  */
  takeNow(): void {
    if (this.#free === 0)
      throw full(
        `${this.#clonesInWords()}: call \`run\`, which waits, or allow more with \`${this.#allowMoreBy}\``,
      )
    this.#occupy()
  }

  /** Gives back the place of a clone that has ended, or was not made. */
  giveBack(): void {
    this.#taken--
    this.letIn()
    if (this.#taken + this.#waiting.size === 0 && this.#lent.isEmpty) inUse.delete(this)
  }

  /**
  Lends the place of a live clone to another clone, while the first can only wait for its client.

  @param address Address of the client.
  @returns a function that takes the place back, to be called before the clone ends. The number of clones can then
  exceed the bounds for a while.
  */
  lend(address: string): () => void {
    this.#lent.add(address)
    this.giveBack()
    let isLent = true
    return () => {
      if (!isLent) return
      isLent = false
      this.#lent.remove(address)
      this.#occupy()
    }
  }

  /** Lets in as many waiting calls as there is room for. */
  letIn(): void {
    while (this.#free > 0) {
      const call = this.#waiting.take(({ client }) => this.#pacing.mayStart(client))
      if (!call) return
      this.#occupy()
      call.enter(this.#pacing.start(call.client))
    }
  }

  /** Rejects all waiting calls. */
  turnAway(): void {
    for (const { reject } of this.#waiting.takeAll()) reject(turnedAway())
  }

  /** In a clone: drops the parent's clones and waiting calls. */
  forget(): void {
    this.#taken = 0
    this.#lent.clear()
    this.#pacing.endAll()
    hold(this.#waiting.takeAll())
  }

  get #free(): number {
    return Math.max(0, this.#bounds().maxClones - this.#taken)
  }

  /** New clients do not take room in the queue from tasks and known clients, which come before them. */
  #isFullFor(client: Visitor | undefined): boolean {
    const { maxQueue } = this.#bounds()
    if (client?.standing === 'new') return this.#waiting.size >= this.#free + maxQueue
    return this.#free === 0 && this.#waiting.firstSize >= maxQueue
  }

  #occupy(): void {
    this.#taken++
    inUse.add(this)
  }

  #queueFull(): QcloneError {
    const { maxQueue } = this.#bounds()
    return full(
      `${this.#clonesInWords()} and ${this.#waiting.size} of at most ${maxQueue} calls wait: call again later, or allow more with \`${this.#allowMoreBy}\``,
    )
  }

  #clonesInWords(): string {
    return `${this.#taken} of at most ${this.#bounds().maxClones} clones are alive`
  }
}

function full(why: string): QcloneError {
  return new QcloneError('ERR_QCLONE_QUEUE_FULL', why)
}

/** Places of the default pool: the module's functions and all servers. */
export const defaultPlaces = new Places(settings, 'configure')

onConfigured(() => defaultPlaces.letIn())

let stop = new AbortController()

/** Signal of the calls made until {@link abortWaiting} is called. */
export function stopSignal(): AbortSignal {
  return stop.signal
}

/** Rejects all calls that wait for a place and, through {@link stopSignal}, those with a place but no clone yet. */
export function abortWaiting(): void {
  stop.abort()
  stop = new AbortController()
  for (const places of inUse) places.turnAway()
}

/** Returns the error for a call that {@link abortWaiting} has ended. Each call gets its own. */
export function turnedAway(): QcloneError {
  return new QcloneError('ERR_QCLONE_ABORTED', 'the task was aborted by `stopAll` before it had a clone')
}

onBecomingClone('places', () => {
  for (const places of inUse) places.forget()
  inUse.clear()
})

calledInClones(
  Places.prototype.forget,
  Queue.prototype.takeAll,
  Pacing.prototype.endAll,
  Counts.prototype.clear,
)
