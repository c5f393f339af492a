import type { Random } from '../../harness/random.js'
import type { Ask } from './ask.js'
import type { Door, Kind } from './doors.js'
import type { Owner } from './token.js'

/** One step of a client. */
export type Step =
  | { readonly do: 'write'; readonly from: number; readonly to: number }
  /** Waits for the next turn of the event loop. */
  | { readonly do: 'turn' }
  | { readonly do: 'wait'; readonly ms: number }
  /** Waits for this many complete answers. */
  | { readonly do: 'until'; readonly answers: number }
  /** Waits for this many interim responses, or this many complete answers. */
  | { readonly do: 'until-told'; readonly interim: number; readonly answers: number }
  | { readonly do: 'pause' | 'resume' | 'end' | 'reset' }

/** One message, and its consequences. */
export interface Sent {
  readonly ask: Ask
  /** HTTP only. */
  readonly method: string
  readonly version: string
  /** Whether an HTTP/1.0 request asks to keep the connection. */
  readonly keepsAlive?: boolean
  readonly bodyBytes: number
  readonly expects: boolean
}

/**
How a client ends: with a final message (`close`), an invalid message (`garbage`), an end of its side (`half-close`),
a reset (`reset`), or in the middle of a message (`cut`, `stall`).
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
  /** HTTP: whether anything follows a request that announces to be the last. */
  readonly goesOn: boolean
  /** Whether some bytes were altered at random, so that the server's reaction is unknown. */
  readonly isOdd: boolean
  /** kdb+: whether the server refuses the client's login. */
  readonly isRefused: boolean
  /** TLS: size of the pieces that records are cut into. */
  readonly cutBytes: number
}

const MOST_CUTS = 4
const SHORT_BYTES = 150

/** Sequence of bytes and steps. */
export class Tape {
  readonly steps: Step[] = []
  readonly #random: Random
  readonly #parts: Buffer[] = []
  #length = 0
  #from = 0
  /** Ends of messages, and starts of bodies. */
  #boundaries: number[] = []
  /** Milliseconds until a client that has paused reads again. */
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

  /** Writes everything added so far, in one piece or in several, then appends `steps`. */
  play(...steps: Step[]): void {
    if (this.#length > this.#from) this.steps.push(...this.#cut(this.#from, this.#length))
    this.#from = this.#length
    this.#boundaries = []
    // A paused client would see no answer.
    if (steps.some((step) => step.do === 'until' || step.do === 'until-told')) this.resume()
    this.steps.push(...steps)
  }

  /** Pauses reading until the client waits for an answer, and for `ms` milliseconds from then. */
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

/** Picks one of several values, each with its weight. */
export function weighted<T extends string>(random: Random, weights: Readonly<Partial<Record<T, number>>>): T {
  const entries = Object.entries(weights) as [T, number][]
  let left = random.below(entries.reduce((sum, [, weight]) => sum + weight, 0))
  for (const [name, weight] of entries) {
    left -= weight
    if (left < 0) return name
  }
  throw new Error('Expected weights')
}
