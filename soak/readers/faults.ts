import { setTimeout as delay } from 'node:timers/promises'
import type { Readers } from 'node-qclone'
import type { Random } from '../../harness/random.js'
import { refuseForks } from '../../harness/refuse-forks.js'

/** Faults by kind. */
export type FaultFigures = Record<string, number>

const LEAST_PAUSE_MS = 100
const MOST_PAUSE_MS = 1200
const MOST_STANDSTILL_MS = 600
const MOST_REFUSAL_MS = 1000
const MOST_TURN_MS = 500

/** Injects faults from the parent, one at a time. */
export class Faults {
  readonly figures: FaultFigures = {}
  readonly #random: Random
  readonly #readers: () => readonly Readers[]
  #isGoing = true
  #playing: Promise<void> | undefined

  constructor(random: Random, readers: () => readonly Readers[]) {
    this.#random = random
    this.#readers = readers
  }

  begin(): void {
    this.#playing = this.#play()
  }

  async end(): Promise<void> {
    this.#isGoing = false
    await this.#playing
  }

  async #play(): Promise<void> {
    const deeds: Record<string, () => unknown> = {
      killed: () => this.#signal('SIGKILL'),
      'stood still': () => this.#standStill(),
      'stopped for good': () => this.#signal('SIGSTOP'),
      'forks refused': () => this.#refuse(),
      'long turns': () => this.#takeTime(),
    }
    const names = Object.keys(deeds)
    while (this.#isGoing) {
      await delay(LEAST_PAUSE_MS + this.#random.below(MOST_PAUSE_MS - LEAST_PAUSE_MS))
      // Kills are the most frequent.
      const name = this.#random.oneIn(2) ? 'killed' : this.#random.pick(names)
      this.figures[name] = (this.figures[name] ?? 0) + 1
      await deeds[name]?.()
    }
  }

  /** @returns the process id of the reader that received the signal. */
  #signal(signal: NodeJS.Signals): number | undefined {
    const live = this.#readers().flatMap((readers) => readers.stats().readers)
    if (live.length === 0) return undefined
    const { pid } = this.#random.pick(live)
    send(pid, signal)
    return pid
  }

  async #standStill(): Promise<void> {
    const pid = this.#signal('SIGSTOP')
    await delay(this.#random.below(MOST_STANDSTILL_MS))
    if (pid !== undefined) send(pid, 'SIGCONT')
  }

  async #refuse(): Promise<void> {
    const allowForks = refuseForks()
    await delay(this.#random.below(MOST_REFUSAL_MS))
    allowForks()
  }

  #takeTime(): void {
    const end = performance.now() + this.#random.below(MOST_TURN_MS)
    while (performance.now() < end);
  }
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch {
    // It has just ended.
  }
}
