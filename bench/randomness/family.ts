import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Clone, clones, QcloneError, reap, run, spawn } from 'node-qclone'
import { settle } from '../lib/heap.js'
import { until } from '../lib/until.js'
import { SOURCES } from './sources.js'

/** Of each round: forked one after another, from the parent's same state. */
const SPAWNS_IN_TURN = 4
const RUNS_IN_TURN = 4
/** One clone of each door makes one more. */
const CLONES_OF_CLONES = 2
export const CLONES_IN_ROUND = SPAWNS_IN_TURN + RUNS_IN_TURN + CLONES_OF_CLONES

/** What one process drew: the values of each source, by its index in {@link SOURCES}. */
export type Draws = readonly Buffer[]

export interface Family {
  readonly draws: Draws[]
  readonly bySpawn: number
  readonly byRun: number
  readonly clonesOfClones: number
  /** Clones that ended by another status than 0. */
  readonly failed: number
}

/** Before the first fork the parent draws so many: what node draws ahead is then used in part. */
const DRAWN_BEFORE = 37
const END_LIMIT_MS = 30_000

/** A parent and its clones, each of which draws `count` values from each source. */
export class Clan {
  readonly #count: number
  readonly #folder: string
  #bySpawn = 0
  #byRun = 0
  #clonesOfClones = 0
  #failed = 0

  constructor(count: number, folder: string) {
    this.#count = count
    this.#folder = folder
  }

  async make(rounds: number): Promise<Family> {
    const draws: Draws[] = []
    const own = [drawAll(DRAWN_BEFORE)]
    for (let round = 0; round < rounds; round++) {
      draws.push(...(await this.#round()))
      // Few enough that what is drawn ahead is at another point in each round.
      own.push(drawAll(Math.ceil(this.#count / rounds)))
    }
    draws.push(joined(own))
    // A clone of `run` has answered before it ends.
    await until(() => clones().length === 0, END_LIMIT_MS)
    return {
      draws,
      bySpawn: this.#bySpawn,
      byRun: this.#byRun,
      clonesOfClones: this.#clonesOfClones,
      failed: this.#failed,
    }
  }

  async #round(): Promise<Draws[]> {
    await settle()
    const running = Array.from({ length: RUNS_IN_TURN }, (_, i) =>
      run(() => (i === 0 ? this.#drawWithRun() : [drawAll(this.#count)])),
    )
    const spawned: Clone[] = []
    for (let i = 0; i < SPAWNS_IN_TURN; i++) {
      // The clone that makes one more is the second: it has an elder and younger siblings.
      spawned.push(await this.#spawnOne(i === 1))
    }
    const ofSpawns = await Promise.all(spawned.map((clone, i) => this.#drawsOf(clone, i === 1)))
    const ofRuns = await Promise.all(running)
    this.#byRun += RUNS_IN_TURN + 1
    this.#bySpawn += SPAWNS_IN_TURN + 1
    this.#clonesOfClones += CLONES_OF_CLONES
    // What `run` hands over has lost its class on the way.
    return [...ofSpawns, ...ofRuns].flat().map((draws) => draws.map((bytes) => Buffer.from(bytes)))
  }

  async #spawnOne(withOneMore: boolean): Promise<Clone> {
    for (;;) {
      try {
        return spawn(() => (withOneMore ? this.#drawWithSpawn() : this.#hand(drawAll(this.#count))))
      } catch (error) {
        if (!(error instanceof QcloneError && error.code === 'ERR_QCLONE_THREADS')) throw error
        await settle()
      }
    }
  }

  /** In a clone: half of its draws, a clone of it, the other half. */
  async #drawWithRun(): Promise<Draws[]> {
    const half = drawAll(this.#count / 2)
    const younger = run(() => drawAll(this.#count))
    const other = drawAll(this.#count / 2)
    return [joined([half, other]), await younger]
  }

  /** The same in a clone of `spawn`, whose event loop does not go on. */
  #drawWithSpawn(): number {
    const half = drawAll(this.#count / 2)
    const { pid } = spawn(() => this.#hand(drawAll(this.#count)))
    this.#hand(joined([half, drawAll(this.#count / 2)]))
    writeFileSync(this.#fileOf(process.pid, 'younger'), String(pid))
    let status: number | undefined
    while (clones().length > 0) status = reap()[0]?.status
    return status ?? 1
  }

  #hand(draws: Draws): number {
    writeFileSync(this.#fileOf(process.pid, 'draws'), Buffer.concat(draws))
    return 0
  }

  async #drawsOf({ pid, exited }: Clone, hasYounger: boolean): Promise<Draws[]> {
    const { status } = await exited
    if (status !== 0) {
      this.#failed++
      return []
    }
    const pids = [pid]
    if (hasYounger) pids.push(Number(readFileSync(this.#fileOf(pid, 'younger'), 'latin1')))
    return pids.map((pid) => this.#take(readFileSync(this.#fileOf(pid, 'draws'))))
  }

  /** The inverse of joining all sources' values in one file. */
  #take(file: Buffer): Draws {
    let end = 0
    return SOURCES.map(({ bytes }) => {
      const begin = end
      end += bytes * this.#count
      return file.subarray(begin, end)
    })
  }

  #fileOf(pid: number, what: 'draws' | 'younger'): string {
    return join(this.#folder, `${pid}.${what}`)
  }
}

function drawAll(count: number): Draws {
  return SOURCES.map(({ bytes, draw }) => {
    const record = Buffer.alloc(count * bytes)
    for (let i = 0; i < count; i++) draw(record, i * bytes)
    return record
  })
}

function joined(parts: readonly Draws[]): Draws {
  return SOURCES.map((_, source) => Buffer.concat(parts.map((draws) => draws[source] as Buffer)))
}
