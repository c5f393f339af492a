import { createHistogram, type RecordableHistogram } from 'node:perf_hooks'

import type { FlightTable } from './table.js'

const TURN_MS = 1
const NS_PER_MS = 1e6
const MAX_CHANGE = 15

export interface FeedStats {
  updates: number
  latencyMs: { p50: number; p99: number; max: number }
  /** Longest time between two turns of the feed, which requests one every millisecond. */
  longestStallMs: number
}

/**
Steady stream of updates. Every update has a due time, whether or not the process is free then. An update that waits
for a stall to end is late by the whole wait, as an external sender would see it.
*/
export class Feed {
  readonly #table: FlightTable
  readonly #perMs: number
  readonly #random = xorshift(0x9e3779b9)
  #timer: NodeJS.Timeout | undefined
  #latency: RecordableHistogram = createHistogram({ figures: 3 })
  #startedAt = 0
  #lastTurn = 0
  #updates = 0
  #longestStallMs = 0

  constructor(table: FlightTable, perSecond: number) {
    this.#table = table
    this.#perMs = perSecond / 1000
  }

  start(): void {
    this.#latency = createHistogram({ figures: 3 })
    this.#updates = 0
    this.#longestStallMs = 0
    this.#startedAt = this.#lastTurn = performance.now()
    this.#timer = setInterval(() => this.#turn(), TURN_MS)
  }

  /** Applies the updates that are due, stops, and returns the statistics. */
  stop(): FeedStats {
    this.#turn()
    clearInterval(this.#timer)
    return {
      updates: this.#updates,
      latencyMs: {
        p50: this.#latency.percentile(50) / NS_PER_MS,
        p99: this.#latency.percentile(99) / NS_PER_MS,
        max: this.#updates === 0 ? 0 : this.#latency.max / NS_PER_MS,
      },
      longestStallMs: this.#longestStallMs,
    }
  }

  #turn(): void {
    const now = performance.now()
    this.#longestStallMs = Math.max(this.#longestStallMs, now - this.#lastTurn)
    this.#lastTurn = now

    const due = Math.floor((now - this.#startedAt) * this.#perMs)
    while (this.#updates < due) {
      this.#updates += 1
      const dueAt = this.#startedAt + this.#updates / this.#perMs
      this.#update()
      this.#latency.record(Math.max(1, Math.round((performance.now() - dueAt) * NS_PER_MS)))
    }
  }

  #update(): void {
    const flight = this.#table.flights[this.#random() % this.#table.flights.length]
    if (flight === undefined) return
    this.#table.setDelay(flight, flight.delay + (this.#random() % (2 * MAX_CHANGE + 1)) - MAX_CHANGE)
  }
}

/** Integers of 31 bits, the same in every run. They are small integers, so `delay` does not become a double. */
function xorshift(seed: number): () => number {
  let state = seed
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return state >>> 1
  }
}
