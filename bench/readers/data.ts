import type { IncomingMessage, ServerResponse } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { generation, handlers } from 'node-qclone'
import { fillHeap, gc, type Row } from '../../harness/heap.js'
import { percentile, rounded } from '../../harness/stats.js'

/** Rows that one request reads. */
const ROWS_READ = 3000
/** A request returns the rows whose `a` has this remainder: 30 of the rows it reads. */
const RETURNED = { divisor: 100, remainder: 7 }
const TICK_MS = 1

/** Delays of updates in milliseconds, from the time each was due until it was applied. */
export interface UpdateFigures {
  count: number
  p50: number
  p99: number
  max: number
  /** 99th percentile without the updates that were due during a fork. */
  p99BesideForks: number
  /** Longest fork, and their number. */
  fork: number
  forks: number
}

/** Table that requests read and updates change. */
export class Data {
  /** Number of updates so far. */
  version = 0
  readonly #rows: Row[]
  /** Time of the last update, in milliseconds since the epoch. */
  #updatedAt = Date.now()
  #isUpdating = false

  constructor(heapMib: number) {
    this.#rows = fillHeap(heapMib)
    gc()
  }

  /** Answers a request from 3,000 rows, with the process that answers and the time of its data. */
  answer(_: IncomingMessage, response: ServerResponse): void {
    const rows = this.#rows
    const from = Math.floor(Math.random() * Math.max(rows.length - ROWS_READ, 1))
    const found: Array<Pick<Row, 'id' | 'c'>> = []
    let sum = 0
    for (let i = from; i < Math.min(from + ROWS_READ, rows.length); i++) {
      const { id, a, c } = rows[i] as Row
      sum += c
      if (a % RETURNED.divisor === RETURNED.remainder) found.push({ id, c })
    }
    response.setHeader('x-reader', `${generation()}.${process.pid}`)
    response.setHeader('x-updated', this.#updatedAt)
    response.end(JSON.stringify({ sum, found }))
  }

  /** Applies `rate` updates per second as they fall due, until {@link stopUpdates}. */
  async update(rate: number): Promise<UpdateFigures> {
    const delays: number[] = []
    const besideForks: number[] = []
    const forks: Array<[from: number, to: number]> = []
    const undo = handlers.newClone.shim((prev, clone, kind) => {
      const now = performance.now()
      // A tick that was about to begin waits for the fork too.
      forks.push([now - clone.timings.totalMs - TICK_MS, now])
      prev(clone, kind)
    })
    const begun = performance.now()
    this.#isUpdating = true
    for (let done = 0, fork = 0; this.#isUpdating; ) {
      await delay(TICK_MS)
      this.#updatedAt = Date.now()
      const due = Math.floor(((performance.now() - begun) * rate) / 1000)
      for (; done < due; done++) {
        const row = this.#rows[(done * STRIDE) % this.#rows.length] as Row
        row.c += 1
        const dueAt = begun + (done * 1000) / rate
        const late = performance.now() - dueAt
        while (fork < forks.length && (forks[fork]?.[1] as number) < dueAt) fork++
        delays.push(late)
        if (dueAt < (forks[fork]?.[0] ?? Infinity)) besideForks.push(late)
      }
      this.version = done
    }
    undo()
    return {
      count: delays.length,
      p50: rounded(percentile(delays, 0.5)),
      p99: rounded(percentile(delays, 0.99)),
      max: rounded(percentile(delays, 1)),
      p99BesideForks: rounded(percentile(besideForks, 0.99)),
      fork: rounded(Math.max(0, ...forks.map(([from, to]) => to - from - TICK_MS))),
      forks: forks.length,
    }
  }

  stopUpdates(): void {
    this.#isUpdating = false
  }
}

/** Prime, so that updates are spread over all rows, and so over all pages. */
const STRIDE = 7919
