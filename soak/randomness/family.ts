import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Clone, clones, QcloneError, reap, run, spawn } from 'node-qclone'
import { settle } from '../../harness/heap.js'
import { until } from '../../harness/until.js'
import { SOURCES } from './sources.js'

/** Clones per round, forked one after another from the same state of the parent. */
const SPAWNS_IN_TURN = 4
const RUNS_IN_TURN = 4
/** One clone of `spawn` and one of `run` each make another clone. */
const CLONES_OF_CLONES = 2
export const CLONES_IN_ROUND = SPAWNS_IN_TURN + RUNS_IN_TURN + CLONES_OF_CLONES

/** Values that one process drew from each source, in the order of {@link SOURCES}. */
export type Draws = readonly Buffer[]

export interface Family {
  readonly draws: Draws[]
  readonly bySpawn: number
  readonly byRun: number
  readonly clonesOfClones: number
  /** Clones with an exit status other than 0. */
  readonly failed: number
}

/** Number of values the parent draws before the first fork, so that Node's prefetched values are partly used. */
const DRAWN_BEFORE = 37
const END_LIMIT_MS = 30_000

/** Parent and its clones, each of which draws `count` values from each source. */
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
      // Small enough that each round begins at another position of the prefetched values.
      own.push(drawAll(Math.ceil(this.#count / rounds)))
    }
    draws.push(joined(own))
    // A clone of `run` answers before it ends.
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
      // The second clone makes another one, so that it has older and younger siblings.
      spawned.push(await this.#spawnOne(i === 1))
    }
    const ofSpawns = await Promise.all(spawned.map((clone, i) => this.#drawsOf(clone, i === 1)))
    const ofRuns = await Promise.all(running)
    this.#byRun += RUNS_IN_TURN + 1
    this.#bySpawn += SPAWNS_IN_TURN + 1
    this.#clonesOfClones += CLONES_OF_CLONES
    // Values returned by `run` have lost their class.
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

  /** In a clone: draws one half, makes a clone, draws the other half. */
  async #drawWithRun(): Promise<Draws[]> {
    const half = drawAll(this.#count / 2)
    const younger = run(() => drawAll(this.#count))
    const other = drawAll(this.#count / 2)
    return [joined([half, other]), await younger]
  }

  /** Does the same in a clone of `spawn`, which has no running event loop. */
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

  /** Splits a file into the values of each source. */
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
