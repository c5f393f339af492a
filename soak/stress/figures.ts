import type { Clone } from 'node-qclone'
import { percentile, rounded } from '../../harness/stats.js'

const DETAILS_SHOWN = 10

/** Running totals of the stress test. */
export class Figures {
  forks = 0
  hangs = 0
  wrongAnswers = 0
  nonZeroExits = 0
  /** `spawn` calls refused because of threads. `run` then made the clone. */
  spawnRefusals = 0
  /** `run` calls refused because of threads for their whole waiting time. */
  runRefusals = 0
  /** Fork requests at which threads of V8 or of the pool were busy. */
  busyWhenAsked = 0
  readonly refusedBy: Record<string, number> = {}
  readonly #forkMs: number[] = []
  readonly #totalMs: number[] = []
  readonly #waitMs: number[] = []
  readonly #lifeMs: number[] = []
  #details = 0

  made({ timings }: Clone): void {
    this.forks++
    this.#forkMs.push(timings.forkMs)
    this.#totalMs.push(timings.totalMs)
  }

  /** Records the time between a call of `run` and its fork, in milliseconds. */
  waited(ms: number): void {
    this.#waitMs.push(ms)
  }

  lived(ms: number): void {
    this.#lifeMs.push(ms)
  }

  wrong(what: string): void {
    this.wrongAnswers++
    this.#tell(`wrong answer: ${what}`)
  }

  died(what: string): void {
    this.nonZeroExits++
    this.#tell(what)
  }

  hung(what: string): void {
    this.hangs++
    this.#tell(what)
  }

  refused(door: 'run' | 'spawn', by: readonly string[]): void {
    if (door === 'run') this.runRefusals++
    else this.spawnRefusals++
    for (const what of new Set(by)) this.refusedBy[what] = (this.refusedBy[what] ?? 0) + 1
  }

  /** Progress in one line. */
  progress(): string {
    const { forks, hangs, wrongAnswers, nonZeroExits, spawnRefusals, runRefusals } = this
    const refusals = spawnRefusals + runRefusals
    return `${forks} forks, ${hangs} hangs, ${wrongAnswers} wrong, ${nonZeroExits} failed, ${refusals} refused`
  }

  summary() {
    const { forks, hangs, wrongAnswers, nonZeroExits, spawnRefusals, runRefusals } = this
    return {
      node: process.version,
      forks,
      hangs,
      wrongAnswers,
      nonZeroExits,
      refusals: spawnRefusals + runRefusals,
      spawnRefusals,
      runRefusals,
      refusedBy: this.refusedBy,
      busyWhenAsked: this.busyWhenAsked,
      ...quantiles('forkMs', this.#forkMs),
      ...quantiles('totalMs', this.#totalMs),
      ...quantiles('waitMs', this.#waitMs),
      ...quantiles('cloneLifeMs', this.#lifeMs),
    }
  }

  #tell(what: string): void {
    // More of the same would add nothing.
    if (++this.#details <= DETAILS_SHOWN) process.stderr.write(`${what}\n`)
  }
}

function quantiles(name: string, values: number[]): Record<string, number> {
  return {
    [`${name}P50`]: rounded(percentile(values, 0.5)),
    [`${name}P99`]: rounded(percentile(values, 0.99)),
    [`${name}Max`]: rounded(percentile(values, 1)),
  }
}
