import { type Asked, faultIn, type Owned } from '../../harness/owned-answers.js'

/** Answer to a question. */
export interface Answered extends Owned {
  /** Pid of the clone. */
  readonly pid: number
  /** Number of updates the clone has seen. */
  readonly updates: number
}

const MOST_BYTES = 300_000

/** Counts of events, and the clients' random numbers. */
export class Tally {
  readonly counts: Record<string, number> = {}
  readonly wrong: string[] = []
  #state: number

  constructor(seed: number) {
    this.#state = seed + 1
  }

  count(what: string): void {
    this.counts[what] = (this.counts[what] ?? 0) + 1
  }

  /** Random number in [0, 1), from a generator that can be restarted (mulberry32). */
  draw(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }

  /** Question with a random answer size: most are short, some exceed the buffers of a connection. */
  question(id: string, nonce: number): Asked {
    const size = Math.floor(this.draw() ** 4 * MOST_BYTES)
    return { id, nonce, size }
  }

  /** Records the answer to a question. */
  judge(kind: string, asked: Asked, answered: Answered): void {
    const fault = faultIn(asked, answered)
    if (fault === undefined) this.count(`${kind}: right`)
    else this.wrong.push(`${kind} ${asked.id}: ${fault}`)
  }
}
