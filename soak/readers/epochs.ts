import type { Server } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { cloneReaders, type ReaderOptions, type Readers, type ReadersStats } from 'node-qclone'
import type { Random } from '../../harness/random.js'
import type { Epoch } from './state.js'

export interface EpochFigures {
  epochs: number
  swaps: number
  deferred: number
  respawns: number
  forwarded: number
  lost: number
  /** Longest time that a generation took, in milliseconds, by epoch. */
  swapMs: Record<number, number>
  /** Highest reported age of a serving snapshot, in milliseconds, by epoch. */
  ageMs: Record<number, number>
  /** Epochs in which a generation could not be made, so that the age of data has no bound. */
  late: number[]
}

const LEAST_AGE_MS = 50
const MOST_AGE_MS = 200
const MOST_READERS = 3
const LEAST_EPOCH_MS = 8000
const MOST_EPOCH_MS = 30_000
/** Maximum time for which the parent serves between two epochs. */
const MOST_PAUSE_MS = 300
/** With faults: time after which unresponsive readers are killed. */
const SILENCE_MS = 2000
const WATCH_MS = 5

let lastEpoch = 0

/** Repeatedly calls `cloneReaders` for a server with random options and closes the readers, under constant load. */
export class Epochs {
  readers: Readers | undefined
  readersLeft = 0
  current: Epoch = { epoch: 0, maxAge: Infinity, readYourWrites: false }
  readonly #server: Server
  readonly #random: Random
  readonly #hasFaults: boolean
  readonly #optionsOf: (epoch: () => Epoch) => ReaderOptions
  readonly #figures: EpochFigures = {
    epochs: 0,
    swaps: 0,
    deferred: 0,
    respawns: 0,
    forwarded: 0,
    lost: 0,
    swapMs: {},
    ageMs: {},
    late: [],
  }
  #isGoing = true
  #awaken = () => {}
  #playing: Promise<void> | undefined

  constructor(
    server: Server,
    random: Random,
    hasFaults: boolean,
    optionsOf: (epoch: () => Epoch) => ReaderOptions,
  ) {
    this.#server = server
    this.#random = random
    this.#hasFaults = hasFaults
    this.#optionsOf = optionsOf
  }

  play(): Promise<void> {
    this.#playing ??= this.#play()
    return this.#playing
  }

  async end(): Promise<void> {
    this.#isGoing = false
    this.#awaken()
    await this.#playing
  }

  figures(): EpochFigures {
    return this.#figures
  }

  async #play(): Promise<void> {
    const random = this.#random
    while (this.#isGoing) {
      const readers = this.#begin()
      const { epoch } = this.current
      const watching = setInterval(() => this.#watch(readers.stats(), epoch), WATCH_MS)
      const stop = new Promise<void>((resolve) => {
        this.#awaken = resolve
      })
      await Promise.race([
        stop,
        delay(LEAST_EPOCH_MS + random.below(MOST_EPOCH_MS - LEAST_EPOCH_MS), undefined, { ref: false }),
      ])
      const stats = readers.stats()
      clearInterval(watching)
      await readers.close()
      this.#note(stats)
      if (stats.deferred > 0) this.#figures.late.push(epoch)
      this.readersLeft += readers.stats().readers.length
      this.readers = undefined
      await delay(random.below(MOST_PAUSE_MS))
    }
  }

  #begin(): Readers {
    const random = this.#random
    const readYourWrites = random.oneIn(2)
    const maxAge = LEAST_AGE_MS + random.below(MOST_AGE_MS - LEAST_AGE_MS + 1)
    this.current = { epoch: ++lastEpoch, maxAge, readYourWrites }
    this.readers = cloneReaders(this.#server, {
      name: `epoch ${lastEpoch}`,
      ...(random.oneIn(4) ? { perConnection: true } : { readers: 1 + random.below(MOST_READERS) }),
      maxAge,
      readYourWrites,
      ...(random.oneIn(2) && { priority: 0 }),
      ...(random.oneIn(3) && { maxRequests: 100 + random.below(1000) }),
      ...(this.#hasFaults && { requestTimeout: SILENCE_MS }),
      ...this.#optionsOf(() => this.current),
    })
    const { readers } = this
    // Each per-connection reader is a generation, and several can be made between two samples.
    readers.on('generation', () => this.#watch(readers.stats(), this.current.epoch))
    return readers
  }

  #watch({ swapMs, age }: ReadersStats, epoch: number): void {
    const { swapMs: longest, ageMs: oldest } = this.#figures
    longest[epoch] = Math.max(longest[epoch] ?? 0, swapMs)
    oldest[epoch] = Math.max(oldest[epoch] ?? 0, age)
  }

  #note(stats: ReadersStats): void {
    const figures = this.#figures
    figures.epochs++
    for (const name of ['swaps', 'deferred', 'respawns', 'forwarded', 'lost'] as const)
      figures[name] += stats[name]
  }
}
