import type { Random } from '../../bench/fuzz/random.js'
import type { Ask } from './ask.js'
import type { Door, Kind } from './doors.js'
import type { Owner } from './token.js'

/** What a client does next. */
export type Step =
  | { readonly do: 'write'; readonly from: number; readonly to: number }
  /** The rest of this turn of the event loop. */
  | { readonly do: 'turn' }
  | { readonly do: 'wait'; readonly ms: number }
  /** Until it has so many whole answers. */
  | { readonly do: 'until'; readonly answers: number }
  /** Until it has been told so often to continue, or has so many whole answers. */
  | { readonly do: 'until-told'; readonly interim: number; readonly answers: number }
  | { readonly do: 'pause' | 'resume' | 'end' | 'reset' }

/** One message, and what follows from it. */
export interface Sent {
  readonly ask: Ask
  /** Of HTTP. */
  readonly method: string
  readonly version: string
  /** Whether one of HTTP/1.0 is not to be the last. */
  readonly keepsAlive?: boolean
  readonly bodyBytes: number
  readonly expects: boolean
}

/**
How a client ends: with a message that says so, with what is no message, by ending its side, by a reset, or in the
midst of a message.
*/
export type Ending = 'close' | 'garbage' | 'half-close' | 'reset' | 'cut' | 'stall'

/** All that a client does on one connection. */
export interface Script {
  readonly kind: Kind
  readonly owner: Owner
  readonly door: Door
  readonly bytes: Buffer
  readonly steps: readonly Step[]
  readonly sent: readonly Sent[]
  readonly ending: Ending
  /** Whether the client ends its side without waiting for all answers. */
  readonly endsEarly: boolean
  /** Of HTTP: whether something follows a request that says that it is the last. */
  readonly goesOn: boolean
  /** Whether some of its bytes were changed at random, so that nobody knows what the server makes of them. */
  readonly isOdd: boolean
  /** Of TLS: in pieces of how many bytes records are sent. */
  readonly cutBytes: number
}

const MOST_CUTS = 4
const SHORT_BYTES = 150

/** Bytes and steps, one behind the other. */
export class Tape {
  readonly steps: Step[] = []
  readonly #random: Random
  readonly #parts: Buffer[] = []
  #length = 0
  #from = 0
  /** Where messages end and bodies begin. */
  #boundaries: number[] = []
  /** After how many milliseconds a client that reads nothing reads again. */
  #pauseMs: number | undefined

  constructor(random: Random) {
    this.#random = random
  }

  get length(): number {
    return this.#length
  }

  bytes(): Buffer {
    return Buffer.concat(this.#parts)
  }

  add(bytes: Buffer): void {
    this.#parts.push(bytes)
    this.#length += bytes.length
    this.#boundaries.push(this.#length)
  }

  /** Has what was added until here written, in one piece or cut, before `steps`. */
  play(...steps: Step[]): void {
    if (this.#length > this.#from) this.steps.push(...this.#cut(this.#from, this.#length))
    this.#from = this.#length
    this.#boundaries = []
    // Who does not read sees no answer.
    if (steps.some((step) => step.do === 'until' || step.do === 'until-told')) this.resume()
    this.steps.push(...steps)
  }

  /** Has the client read nothing until it waits for an answer, and for `ms` milliseconds then. */
  pause(ms: number): void {
    this.play({ do: 'pause' })
    this.#pauseMs = ms
  }

  resume(): void {
    const ms = this.#pauseMs
    this.#pauseMs = undefined
    if (ms !== undefined) this.play({ do: 'wait', ms }, { do: 'resume' })
  }

  #cut(from: number, to: number): Step[] {
    const random = this.#random
    const way = random.below(8)
    if (way < 3) return [{ do: 'write', from, to }]
    const length = to - from
    const cuts =
      way === 7 && length <= SHORT_BYTES
        ? Array.from({ length }, (_, i) => from + i)
        : Array.from({ length: 1 + random.below(MOST_CUTS) }, () => this.#place(from, to, way > 4))
    const places = [...new Set([...cuts, to])].filter((at) => at > from && at <= to).sort((a, b) => a - b)
    const slow = random.oneIn(3)
    return places.flatMap((at, i): Step[] => {
      const write: Step = { do: 'write', from: places[i - 1] ?? from, to: at }
      if (at === to) return [write]
      if (slow && places.length <= MOST_CUTS + 1) return [write, { do: 'wait', ms: 1 + random.below(3) }]
      return [write, { do: 'turn' }]
    })
  }

  #place(from: number, to: number, near: boolean): number {
    const boundary = this.#random.pick(this.#boundaries)
    if (near && boundary !== undefined) return boundary + this.#random.below(17) - 8
    return from + this.#random.below(to - from + 1)
  }
}

/** One of a few things, each as often as its number says. */
export function weighted<T extends string>(random: Random, weights: Readonly<Partial<Record<T, number>>>): T {
  const entries = Object.entries(weights) as [T, number][]
  let left = random.below(entries.reduce((sum, [, weight]) => sum + weight, 0))
  for (const [name, weight] of entries) {
    left -= weight
    if (left < 0) return name
  }
  throw new Error('Expected weights')
}
