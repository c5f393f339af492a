import { availableParallelism } from 'node:os'
import { setTimeout, uptimeMs } from '../node-internals/clock.js'

/** Client for a clone to serve. */
export interface Visitor {
  /** `'known'` if the latest answer on this connection was complete and the client kept up with it. */
  readonly standing: 'known' | 'new'
  /** Remote address, or the network it belongs to; empty if there is none. */
  readonly address: string
}

/** Time in milliseconds for which new clients are held back after a known client has come. */
const KNOWN_COME_WITHIN_MS = 1000

/**
Pause between two clones for new clients, as a multiple of the time the first took to start. A start keeps a CPU busy,
so with half of the CPUs starting clones, new clients take about a twentieth of all CPU time.
*/
const PAUSE = 9
const LONGEST_PAUSE_MS = 1000

/**
Holds back new clients of an address when many clients of that address are slow, so that known clients are not affected.
Clones for held-back clients start on half of the CPUs, and a pause follows each start.
*/
export class Pacing {
  readonly #manySlow: (address: string) => boolean
  readonly #onTurn: () => void
  /** Number of starting clones for held-back clients, plus pauses. */
  #turns = 0
  /** Time at which the clone of a known client last began to start. */
  #knownAt = Number.NEGATIVE_INFINITY

  /**
  @param manySlow Whether so many clients of an address are slow that new ones may be hostile.
  @param onTurn Called when another client may enter.
  */
  constructor(manySlow: (address: string) => boolean, onTurn: () => void) {
    this.#manySlow = manySlow
    this.#onTurn = onTurn
  }

  /** Whether a clone may start now, for a client or, if undefined, for a task. */
  mayStart(client: Visitor | undefined): boolean {
    return !this.#holdsBack(client) || this.#turns < Math.max(1, Math.floor(availableParallelism() / 2))
  }

  /** Notes that a clone begins to start. @returns a function to call once it has started. */
  start(client: Visitor | undefined): () => void {
    const begunAt = uptimeMs()
    if (client?.standing === 'known') this.#knownAt = begunAt
    if (!this.#holdsBack(client)) return () => {}
    this.#turns++
    return () => {
      const pauseMs = Math.min(PAUSE * (uptimeMs() - begunAt), LONGEST_PAUSE_MS)
      setTimeout(() => {
        this.#turns--
        this.#onTurn()
      }, pauseMs).unref()
    }
  }

  /** In a clone: ends all turns, which are the parent's. */
  endAll(): void {
    this.#turns = 0
  }

  #holdsBack(client: Visitor | undefined): boolean {
    if (client?.standing !== 'new' || !this.#manySlow(client.address)) return false
    return uptimeMs() - this.#knownAt < KNOWN_COME_WITHIN_MS
  }
}
