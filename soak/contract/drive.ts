import { setTimeout as delay } from 'node:timers/promises'
import { type Clone, handlers, QcloneError, run, spawn } from 'node-qclone'
import { backtraces } from '../../harness/gdb.js'
import { until } from '../../harness/until.js'
import { faultOf, KINDS, type Kind } from './kinds.js'
import type { Scene } from './scene.js'

/** A clone that lives longer hangs. */
export const CLONE_LIMIT_MS = 30_000
/** Includes the time for gdb, and for the kernel to free a clone's memory. */
const REST_LIMIT_MS = 2 * CLONE_LIMIT_MS
/** More clones would only compete for the CPU. */
const MAX_ALIVE = 40
const ROUND_LIMIT_FACTOR = 4
const DETAILS_SHOWN = 20

/** Results of the clones of one kind. */
export interface Tally {
  readonly by: string
  readonly kind: string
  readonly expected: string | number
  made: number
  right: number
  wrong: number
  hangs: number
}

export interface SoakFigures {
  tallies: Tally[]
  made: number
  /** Clones that have not ended, or whose promise is pending. */
  alive: number
  /** Clones that were not made because of other threads. */
  refusals: number
  /** Clones that were postponed because too many were alive or another fork was pending. */
  postponed: number
  /** Forks during half-sent replies, and the number of such replies. */
  forksWithPendingWrites: number
  pendingWritesAtForks: number
  /** Bytes that the clones must have written to stdout. */
  outputExpected: number
  details: string[]
}

/** Makes clones of every kind in turn, and checks how each ends. */
export class Soak {
  readonly #scene: Scene
  readonly #tallies = new Map<Kind, Tally>()
  readonly #figures = {
    made: 0,
    refusals: 0,
    postponed: 0,
    forksWithPendingWrites: 0,
    pendingWritesAtForks: 0,
    outputExpected: 0,
  }
  readonly #details: string[] = []
  readonly #next = { run: 0, spawn: 0 }
  #turn = 0
  #alive = 0
  /**
  Called with the next clone of `run`. Only one call waits for its fork at a time, so the clone belongs to that call.
  */
  #forkOfRun: ((clone: Clone) => void) | undefined

  constructor(scene: Scene) {
    this.#scene = scene
    for (const kind of [...KINDS.run, ...KINDS.spawn]) {
      const expected = 'signal' in kind.end ? kind.end.signal : kind.end.status
      const tally = { by: kind.by, kind: kind.name, expected, made: 0, right: 0, wrong: 0, hangs: 0 }
      this.#tallies.set(kind, tally)
    }
    handlers.newClone.shim((prev, clone, kind) => {
      if (kind === 'run') this.#forkOfRun?.(clone)
      prev(clone, kind)
    })
  }

  /** Makes `rate` clones per second for `ms`; with `wholeRound`, continues until there was one of each kind. */
  async go(rate: number, ms: number, wholeRound: boolean): Promise<void> {
    const interval = setInterval(() => this.#makeOne(), 1000 / rate)
    await delay(ms)
    // A busy machine skips some timer ticks.
    if (wholeRound)
      await until(() => this.#isRound(), (ROUND_LIMIT_FACTOR * this.#tallies.size * 1000) / rate)
    clearInterval(interval)
  }

  /** Waits until every clone has ended and all their promises are settled. */
  async rest(): Promise<void> {
    await until(() => this.#alive === 0, REST_LIMIT_MS)
  }

  figures(): SoakFigures {
    return {
      ...this.#figures,
      alive: this.#alive,
      tallies: [...this.#tallies.values()],
      details: this.#details.splice(0),
    }
  }

  #isRound(): boolean {
    return [...this.#tallies.values()].every(({ made }) => made > 0)
  }

  #makeOne(): void {
    const door = this.#turn % 2 === 0 ? 'run' : 'spawn'
    if (this.#alive >= MAX_ALIVE || (door === 'run' && this.#forkOfRun)) {
      this.#figures.postponed++
      return
    }
    const kinds = KINDS[door]
    const kind = kinds[this.#next[door] % kinds.length] as Kind
    this.#scene.leavePending()
    if (door === 'run') this.#byRun(kind)
    else this.#bySpawn(kind)
    this.#scene.leavePending()
  }

  #advance(door: Kind['by']): void {
    this.#turn++
    this.#next[door]++
  }

  async #byRun(kind: Kind): Promise<void> {
    this.#alive++
    this.#advance('run')
    let clone: Clone | undefined
    this.#forkOfRun = (made) => {
      clone = made
      this.#forkOfRun = undefined
      this.#made(kind, made)
    }
    const answer = run(() => this.#act(kind))
    const [outcome] = await Promise.allSettled([answer])
    if (clone) {
      await this.#judge(kind, clone, outcome)
    } else {
      this.#forkOfRun = undefined
      this.#refused((outcome as PromiseRejectedResult).reason)
    }
    this.#alive--
  }

  async #bySpawn(kind: Kind): Promise<void> {
    this.#alive++
    try {
      const clone = spawn(() => this.#act(kind))
      this.#advance('spawn')
      this.#made(kind, clone)
      await this.#judge(kind, clone)
    } catch (error) {
      this.#refused(error)
    }
    this.#alive--
  }

  /** Runs in the clone. */
  #act(kind: Kind): unknown {
    this.#scene.acting = `${kind.by}: ${kind.name}`
    return kind.act(this.#scene)
  }

  #refused(error: unknown): void {
    if (error instanceof QcloneError && error.code === 'ERR_QCLONE_THREADS') this.#figures.refusals++
    else this.#tell(`no clone was made: ${error instanceof Error ? error.stack : error}`)
  }

  /** Runs in the parent right after the fork. */
  #made(kind: Kind, clone: Clone): void {
    const pending = this.#scene.pendingWrites()
    this.#figures.made++
    this.#figures.pendingWritesAtForks += pending
    if (pending > 0) this.#figures.forksWithPendingWrites++
    this.#figures.outputExpected += kind.output ?? 0
    this.#tally(kind).made++
    kind.inParent?.(clone)
    const timer = setTimeout(async () => {
      this.#tally(kind).hangs++
      this.#tell(`${nameOf(kind, clone)} hangs\n${await backtraces(clone.pid)}`)
      clone.kill('SIGKILL')
    }, CLONE_LIMIT_MS)
    const done = () => clearTimeout(timer)
    clone.exited.then(done, done)
  }

  async #judge(kind: Kind, clone: Clone, outcome?: PromiseSettledResult<unknown>): Promise<void> {
    const [exited] = await Promise.allSettled([clone.exited])
    const fault = exited.status === 'rejected' ? String(exited.reason) : faultOf(kind, exited.value, outcome)
    if (fault === undefined) {
      this.#tally(kind).right++
      return
    }
    this.#tally(kind).wrong++
    this.#tell(`${nameOf(kind, clone)}: ${fault}`)
  }

  #tally(kind: Kind): Tally {
    return this.#tallies.get(kind) as Tally
  }

  #tell(what: string): void {
    // More of the same would add nothing.
    if (this.#details.length < DETAILS_SHOWN) this.#details.push(what)
  }
}

function nameOf({ by, name }: Kind, { pid }: Clone): string {
  return `clone ${pid} (${by}: ${name})`
}
