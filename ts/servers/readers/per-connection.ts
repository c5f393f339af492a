import { availableParallelism } from 'node:os'
import { native } from '../../native.js'
import { clearTimeout, msUntil, setTimeout, uptimeMs } from '../../node-internals/clock.js'
import type { WaitStatus } from '../../types/wait-status.js'
import { hasInput } from '../client-connection.js'
import { Crew, closed } from './crew.js'
import { dismiss, type Reader, type Waiting } from './reader.js'

/** Maximum number of readers made at the same time. More would compete for CPUs while their snapshots age. */
const MOST_MADE = availableParallelism() + 1

/** Resources that the parent holds for an idle connection. */
interface Rest {
  readonly watch: { close(): void }
  readonly timer: NodeJS.Timeout | undefined
}

/**
Readers of one server, one for each connection. The parent keeps an idle connection, and reads nothing from it. Its
reader is forked once the client sends a request, and keeps the connection for `maxAge`.
*/
export class PerConnection extends Crew {
  /** Serving readers, with the version of the data that each reads from. */
  readonly #current = new Map<Reader, { readonly version: unknown; timer?: NodeJS.Timeout }>()
  readonly #resting = new Map<Waiting, Rest>()
  /** Connections whose client has sent a request, but that have no reader yet. */
  #asking: Waiting[] = []
  /** Readers that are being made, and since when, by `uptimeMs`. */
  readonly #making = new Map<symbol, { readonly since: number; readonly over: Promise<void> }>()
  #generation = 0
  #hasBegun = false
  /** Readers that retire but may still read new requests. */
  readonly #stopping = new Set<Reader>()
  /** Earliest allowed time of a snapshot, by `uptimeMs`. */
  #wantedFrom = 0
  /** Time of the last change that `version` may not show, by `uptimeMs`. */
  #changedAt = 0
  /** Time until which the parent serves, after a reader could not be made, by `uptimeMs`. */
  #pausedUntil = 0

  get generation(): number {
    return this.#generation
  }

  /** Age of the oldest serving snapshot, in milliseconds. */
  get age(): number {
    const now = uptimeMs()
    return Math.max(0, ...[...this.#current.keys()].map(({ forkedAt }) => now - forkedAt))
  }

  get waiting(): number {
    return this.#asking.length + this.#making.size
  }

  get resting(): number {
    return this.#resting.size
  }

  get readers(): readonly Reader[] {
    return [...this.#current.keys(), ...this.draining]
  }

  get isServing(): boolean {
    return this.#hasBegun && !this.isClosed && uptimeMs() >= this.#pausedUntil
  }

  async begin(): Promise<void> {
    this.#hasBegun = true
  }

  async refresh(): Promise<number> {
    if (this.isClosed) throw closed()
    this.#wantedFrom = uptimeMs()
    this.retire([...this.#current.keys()], this.plan.drainTimeout)
    return this.next()
  }

  next(): Promise<number> {
    if (this.isClosed) return Promise.reject(closed())
    return new Promise((resolve, reject) => {
      this.awaiting.push({ from: uptimeMs(), resolve, reject })
      this.#settle()
    })
  }

  noteChange(): void {
    this.#changedAt = uptimeMs()
  }

  dispatch(waiting: Waiting): void {
    if (!this.isServing) this.server.serveHere(waiting)
    else if (waiting.luggage.asks) {
      this.#asking.push(waiting)
      this.#makeMore()
    } else this.#rest(waiting)
  }

  async close(drainMs: number): Promise<void> {
    if (!this.isClosed) {
      this.isClosed = true
      this.rejectAwaiting(closed())
      for (const waiting of [...this.#resting.keys()]) {
        this.#rouse(waiting)
        this.server.serveHere(waiting)
      }
      this.#serveAllHere()
    }
    this.endAll(drainMs)
    await Promise.all([...this.#making.values()].map(({ over }) => over))
    await this.untilEnded()
  }

  onRoom(reader: Reader): void {
    // Its client has left, or has moved on.
    if (this.#current.has(reader) && reader.hasTaken && reader.load === 0)
      this.retire([reader], this.plan.drainTimeout)
  }

  onReplace(reader: Reader): void {
    this.counts.respawns++
    this.retire([reader], this.plan.drainTimeout)
  }

  onEnd(reader: Reader, status: WaitStatus | undefined): void {
    const isEarly = this.#current.has(reader)
    this.#forget(reader)
    this.draining.delete(reader)
    if (!isEarly || this.isClosed) return
    this.noteDeath(reader, status)
    if (!reader.hasTaken) this.#pause()
  }

  /** Keeps a connection until its client sends a request, leaves, or has been silent for too long. */
  #rest(waiting: Waiting): void {
    const { fd, luggage } = waiting
    const { watch } = native().watchInput(fd, () => {
      this.#rouse(waiting)
      // Input without a byte is the end of the connection.
      if (hasInput(fd)) this.dispatch({ ...waiting, luggage: { ...luggage, asks: true } })
      else dismiss(waiting)
    })
    if (!watch) {
      // No descriptor is left.
      this.server.serveHere(waiting)
      return
    }
    const { idleUntil } = luggage
    const timer =
      idleUntil === undefined
        ? undefined
        : setTimeout(() => {
            this.#rouse(waiting)
            dismiss(waiting)
          }, msUntil(idleUntil)).unref()
    this.#resting.set(waiting, { watch, timer })
  }

  #rouse(waiting: Waiting): void {
    const rest = this.#resting.get(waiting)
    this.#resting.delete(waiting)
    rest?.watch.close()
    clearTimeout(rest?.timer)
  }

  #makeMore(): void {
    while (this.#making.size < MOST_MADE && this.#asking.length > 0) {
      const id = Symbol('reader')
      const since = uptimeMs()
      const over = this.#make(this.#asking.shift() as Waiting).finally(() => {
        this.#making.delete(id)
        this.#settle()
        this.#makeMore()
      })
      this.#making.set(id, { since, over })
    }
  }

  /** Makes a reader for a connection. */
  async #make(waiting: Waiting): Promise<void> {
    const generation = this.#generation + 1
    this.#generation = generation
    const version = this.readVersion()
    let reader: Reader
    try {
      this.prepare(generation)
      reader = await this.server.recruit(this, generation)
    } catch (error) {
      this.#asking.unshift(waiting)
      this.tellDeferred(error as Error)
      this.setbacks.noteFailure(error as Error)
      this.#pause()
      return
    }
    this.#current.set(reader, { version })
    this.tellBegun(generation, [reader], uptimeMs() - reader.forkedAt)
    if (reader.ending) this.onEnd(reader, reader.ending.status)
    else if (!this.isClosed && reader.hand(waiting)) {
      this.setbacks.forget()
      // This reader may answer requests sent before the call of `refresh`, but no later ones.
      if (reader.forkedAt < this.#wantedFrom) this.retire([reader], this.plan.drainTimeout)
      else this.#age(reader)
      return
    } else this.retire([reader], 0)
    this.dispatch({ ...waiting, luggage: { ...waiting.luggage, asks: true } })
  }

  /** Lets the parent serve for a while, longer after each consecutive failure. */
  #pause(): void {
    this.#pausedUntil = uptimeMs() + this.setbacks.delay
    this.#serveAllHere()
  }

  #serveAllHere(): void {
    for (const waiting of this.#asking.splice(0)) this.server.serveHere(waiting)
  }

  /** Makes a reader give its connection back at the end of `maxAge`. */
  #age(reader: Reader): void {
    const { maxAge, drainTimeout } = this.plan
    const state = this.#current.get(reader)
    if (maxAge === Infinity || !state) return
    const look = () => {
      if (!this.#isUnchanged(reader)) this.retire([reader], drainTimeout)
      else state.timer = setTimeout(look, maxAge).unref()
    }
    state.timer = setTimeout(look, msUntil(reader.forkedAt + maxAge)).unref()
  }

  #isUnchanged(reader: Reader): boolean {
    const state = this.#current.get(reader)
    const isKnown = this.plan.version && state && reader.forkedAt > this.#changedAt
    return isKnown === true && Object.is(this.readVersion(), state?.version)
  }

  protected override retire(readers: readonly Reader[], withinMs: number): void {
    for (const reader of readers) {
      this.#forget(reader)
      this.#stopping.add(reader)
      void reader.retired.then(() => {
        this.#stopping.delete(reader)
        this.#settle()
      })
    }
    super.retire(readers, withinMs)
    this.#settle()
  }

  #forget(reader: Reader): void {
    clearTimeout(this.#current.get(reader)?.timer)
    this.#current.delete(reader)
  }

  /** Resolves the promises of callers that wait for younger readers, once no others read requests. */
  #settle(): void {
    if (this.awaiting.length === 0) return
    const began = [...this.#making.values()].map(({ since }) => since)
    const forked = [...this.#current.keys(), ...this.#stopping].map(({ forkedAt }) => forkedAt)
    const oldest = Math.min(...began, ...forked)
    const isOver = ({ from }: { from: number }) => oldest >= from
    const over = this.awaiting.filter(isOver)
    this.awaiting = this.awaiting.filter((one) => !isOver(one))
    for (const { resolve } of over) resolve(this.#generation)
  }
}
