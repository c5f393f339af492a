import { randomUUID } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay, setImmediate as nextTurn } from 'node:timers/promises'
import { type Clone, check, handlers, QcloneError, run, spawn } from 'node-qclone'
import { backtraces } from '../../harness/gdb.js'
import type { Churn, Moment } from './churn.js'
import type { Figures } from './figures.js'
import { expectedOf, toil } from './toil.js'
import type { Traffic } from './traffic.js'

/** On a busy machine clones have lived for 20 seconds. A clone that hangs does so forever. */
export const CLONE_LIMIT_MS = 60_000

/** Minimum time that a clone's event loop runs. The parent's timers would fire in it. */
const LOOP_MS = 10

/** Report of a clone. */
interface Answer extends Moment {
  pid: number
  work: number
  /** Bytes read by the clone's own thread pool; `undefined` without an event loop. */
  read?: number
  ghosts: number
  uuid: string
}

/** Clone, and the state it must find. */
interface Made {
  readonly clone: Clone
  readonly at: number
  readonly moment: Moment
  hung: boolean
}

export interface Scene {
  readonly churn: Churn
  readonly traffic: Traffic
  readonly figures: Figures
  /** File that clones read. */
  readonly file: URL
  /** Folder for the answers of `spawn` clones, which do not fit into an exit status. */
  readonly folder: string
}

/** Makes several clones at once, and judges them. */
export class Lanes {
  readonly #scene: Scene
  readonly #made = new Map<number, Made>()
  readonly #uuids = new Set<string>()
  readonly #fileBytes: number
  #asked = 0
  #deadline = 0

  constructor(scene: Scene) {
    this.#scene = scene
    this.#fileBytes = readFileSync(scene.file).length
  }

  /** Makes `forks` clones, at most `concurrency` at a time. Makes no more after `deadline`. */
  async go(forks: number, concurrency: number, deadline: number): Promise<void> {
    const undo = handlers.newClone.shim((prev, clone, kind) => {
      this.#watch(clone)
      prev(clone, kind)
    })
    this.#deadline = deadline
    const lane = async () => {
      while (this.#asked < forks && performance.now() < deadline) await this.#one(this.#asked++)
    }
    await Promise.all(Array.from({ length: concurrency }, lane))
    undo()
  }

  /** Makes one clone, alternately by `run` and `spawn`. */
  async #one(nonce: number): Promise<void> {
    // Lanes that one event wakes together would never make a request while another callback is pending.
    await delay(nonce % 5)
    const report = check()
    if (!report.ok) this.#scene.figures.busyWhenAsked++
    try {
      if (nonce % 3 === 0) await this.#bySpawn(nonce)
      else await this.#byRun(nonce, nonce % 3 === 1 ? this.#answer : this.#answerLater)
    } catch (error) {
      // The end of a clone is counted where its status is judged.
      if (!(error instanceof QcloneError && error.code === 'ERR_QCLONE_DIED')) {
        this.#scene.figures.wrong(`clone ${nonce}: ${error instanceof Error ? error.stack : error}`)
      }
    }
  }

  async #bySpawn(nonce: number): Promise<void> {
    let clone: Clone
    try {
      clone = spawn(() => {
        writeFileSync(this.#answerFile(process.pid), JSON.stringify(this.#answer(nonce)))
        return 0
      })
    } catch (error) {
      this.#refused('spawn', error)
      return this.#byRun(nonce, this.#answer)
    }
    if ((await this.#ended(clone.pid)) !== 0) return
    const file = this.#answerFile(clone.pid)
    this.#judge(nonce, JSON.parse(await readFile(file, 'utf8')) as Answer, false)
    await rm(file)
  }

  async #byRun(nonce: number, answer: (nonce: number) => Answer | Promise<Answer>): Promise<void> {
    const asked = performance.now()
    for (;;) {
      try {
        const told = await run(() => answer.call(this, nonce))
        const made = this.#made.get(told.pid)
        if (made) this.#scene.figures.waited(made.at - asked)
        this.#judge(nonce, told, answer === this.#answerLater)
        await this.#ended(told.pid)
        return
      } catch (error) {
        this.#refused('run', error)
        // A parent that never comes to rest is not cloned. The missing fork then fails the run.
        if (performance.now() > this.#deadline) return
      }
    }
  }

  #answerFile(pid: number): string {
    return join(this.#scene.folder, `${pid}.json`)
  }

  /** @throws `error` if it is not a refusal. */
  #refused(door: 'run' | 'spawn', error: unknown): void {
    if (!(error instanceof QcloneError && error.code === 'ERR_QCLONE_THREADS')) throw error
    this.#scene.figures.refused(
      door,
      error.threads.map(({ what, busy }) => `${what}${busy ? ', busy' : ''}`),
    )
  }

  /** Runs in the clone. */
  #answer(nonce: number): Answer {
    const { churn, traffic } = this.#scene
    const work = toil(nonce)
    // Runs after the toil, as garbage collection must not change the snapshot.
    const ghosts = churn.ghosts + traffic.ghosts
    return { pid: process.pid, ...churn.scan(), work, ghosts, uuid: randomUUID() }
  }

  /** Runs in the clone, with its event loop. */
  async #answerLater(nonce: number): Promise<Answer> {
    const [read] = await Promise.all([readFile(this.#scene.file), delay(LOOP_MS), nextTurn()])
    const answer = this.#answer(nonce)
    await delay(1)
    const again = await readFile(this.#scene.file)
    const ghosts = this.#scene.churn.ghosts + this.#scene.traffic.ghosts
    return { ...answer, read: (read.length + again.length) / 2, ghosts }
  }

  #judge(nonce: number, answer: Answer, read: boolean): void {
    const made = this.#made.get(answer.pid)
    const expected = {
      ...made?.moment,
      work: expectedOf(nonce),
      ghosts: 0,
      ...(read && { read: this.#fileBytes }),
    }
    const wrong = Object.entries(expected).filter(([name, value]) => answer[name as keyof Answer] !== value)
    if (!made || wrong.length > 0 || this.#uuids.has(answer.uuid)) {
      this.#scene.figures.wrong(`${JSON.stringify(answer)}, expected ${JSON.stringify(expected)}`)
    }
    this.#uuids.add(answer.uuid)
  }

  /** Runs in the parent right after the fork. */
  #watch(clone: Clone): void {
    const { churn, figures } = this.#scene
    figures.made(clone)
    const made: Made = { clone, at: performance.now(), moment: churn.moment(), hung: false }
    this.#made.set(clone.pid, made)
    const timer = setTimeout(async () => {
      made.hung = true
      figures.hung(`clone ${clone.pid} (${clone.kind}) hangs\n${await backtraces(clone.pid)}`)
      clone.kill('SIGKILL')
    }, CLONE_LIMIT_MS)
    const done = () => clearTimeout(timer)
    clone.exited.then(done, done)
    clone.exited.then(
      ({ pid, status, signal }) => {
        figures.lived(performance.now() - made.at)
        if (status === 0 || made.hung) return
        figures.died(`clone ${pid} (${clone.kind}) ended by ${signal ?? status}`)
      },
      (error) => figures.died(`clone ${clone.pid}: ${error}`),
    )
  }

  /** Exit status of clone `pid`, once it has ended. */
  async #ended(pid: number): Promise<number | undefined> {
    return (await this.#made.get(pid)?.clone.exited)?.status
  }
}
