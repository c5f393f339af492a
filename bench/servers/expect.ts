/** The sum of all accounts, whatever is moved between them. */
export const TOTAL = 1_000_000
export const ACCOUNTS = 1000

/** What one client asks for. */
export interface Asked {
  /** Of the client. */
  readonly id: string
  /** Of the question. */
  readonly nonce: number
  /** How long the padding of the answer is to be. */
  readonly size: number
}

/** What it is answered. */
export interface Answered extends Asked {
  /** Of the clone. */
  readonly pid: number
  /** Of all accounts. */
  readonly sum: number
  /** How many updates are in it. */
  readonly updates: number
  readonly padding: string
}

/** Text that follows from whose it is, so that no other's can be taken for it. */
export function paddingFor({ id, nonce, size }: Asked): string {
  return `${id}.${nonce}|`.repeat(Math.ceil(size / `${id}.${nonce}|`.length)).slice(0, size)
}

/** Why an answer is wrong; undefined when it is right. */
export function faultIn(asked: Asked, answered: Answered): string | undefined {
  for (const name of ['id', 'nonce', 'size'] as const) {
    if (answered[name] !== asked[name]) return `${name} is ${answered[name]}, not ${asked[name]}`
  }
  if (answered.sum !== TOTAL) return `the sum is ${answered.sum}`
  if (answered.padding !== paddingFor(asked))
    return `the padding of ${asked.id}.${asked.nonce} is another's, or cut`
  return undefined
}

const MOST_BYTES = 300_000

/** What has happened, and what a client draws. */
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

  /** A number from 0 up to 1, by a generator that can be begun anew (mulberry32). */
  draw(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }

  /** A question: most have short answers, some have longer ones than a connection holds. */
  question(id: string, nonce: number): Asked {
    const size = Math.floor(this.draw() ** 4 * MOST_BYTES)
    return { id, nonce, size }
  }

  /** Notes what came of a question. */
  judge(kind: string, asked: Asked, answered: Answered): void {
    const fault = faultIn(asked, answered)
    if (fault === undefined) this.count(`${kind}: right`)
    else this.wrong.push(`${kind} ${asked.id}: ${fault}`)
  }
}
