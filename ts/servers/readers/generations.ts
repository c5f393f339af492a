import { clearTimeout, setTimeout, uptimeMs } from '../../node-internals/clock.js'
import { stopSignal, turnedAway } from '../../parent/admission.js'
import type { WaitStatus } from '../../types/wait-status.js'
import { Crew, closed } from './crew.js'
import { dismiss, type Reader, type Waiting } from './reader.js'

/** Generations of readers that may be draining at the same time. The next one waits until fewer are. */
export const MOST_DRAINING = 16
/** Connections that wait while no reader lives and one is about to be made. Beyond it they are closed. */
const MOST_WAITING = 4096

/** Readers of one server: the generation that serves, those that drain, and when the next is made. */
export class Generations extends Crew {
  #current: Reader[] = []
  #generation = 0
  #timer: NodeJS.Timeout | undefined
  /** The swap in progress. */
  #swap: Promise<void> | undefined
  /** Number of the last generation whose making has begun. */
  #begun = 0
  /** Whether somebody wants a generation that begins after the one in progress, at once. */
  #isWanted = false
  #lastVersion: unknown
  #hasForwarded = false
  /** Connections that wait until a reader has room. */
  readonly #waiting: Waiting[] = []
  /** Connections that have written, and wait for a generation that has seen it. */
  #behind: Waiting[] = []
  /** Whether the next generation waits until fewer readers drain. */
  #isHeldUp = false
  /** Time of the fork of the serving generation, by `uptimeMs`. */
  #forkedAt = 0
  readonly resting = 0

  get generation(): number {
    return this.#generation
  }

  /** Age in milliseconds of the snapshot that readers answer from. */
  get age(): number {
    return this.#generation === 0 ? 0 : uptimeMs() - this.#forkedAt
  }

  get waiting(): number {
    return this.#waiting.length + this.#behind.length
  }

  /** Live readers, those of the serving generation first. */
  get readers(): readonly Reader[] {
    return [...this.#current, ...this.draining]
  }

  /** Whether connections go to readers, now or as soon as there is one again. */
  get isServing(): boolean {
    const isMaking = this.#generation > 0 && !this.setbacks.isPausing
    return !this.isClosed && (this.#current.length > 0 || isMaking)
  }

  async begin(): Promise<void> {
    await this.refresh()
  }

  /** Makes a generation now. @returns its number, once it serves. */
  refresh(): Promise<number> {
    const next = this.next()
    this.#isWanted = true
    if (!this.#swap) this.#makeSoon(0)
    return next
  }

  /** Waits for a generation whose forks come after this call. @returns its number, once it serves. */
  next(): Promise<number> {
    if (this.isClosed) return Promise.reject(closed())
    this.#timer?.ref()
    return new Promise((resolve, reject) => this.awaiting.push({ from: this.#begun, resolve, reject }))
  }

  /** Notes that something that readers should see has changed in the parent, whatever `version` says. */
  noteChange(): void {
    this.#hasForwarded = true
  }

  /** Sends a connection to a reader, or keeps it until one has room. */
  dispatch(waiting: Waiting): void {
    if (!this.isServing) {
      this.server.serveHere(waiting)
      return
    }
    if (this.#isBehind(waiting)) {
      if (this.plan.maxAge === Infinity) this.refresh().catch(() => {})
      this.#keep(waiting, this.#behind)
    } else if (this.#waiting.length > 0 || !this.#handOver(waiting)) {
      this.#keep(waiting, this.#waiting)
    }
  }

  /** Whether a connection waits for an answer that the serving generation cannot give. */
  #isBehind({ luggage: { asks = false, wroteAt = 0 } }: Waiting): boolean {
    return asks && wroteAt >= this.#forkedAt
  }

  #keep(waiting: Waiting, among: Waiting[]): void {
    if (among.length < MOST_WAITING) {
      among.push(waiting)
      return
    }
    // The parent's data is newer than any reader's.
    if (among === this.#behind) {
      this.server.serveHere(waiting)
      return
    }
    this.counts.lost++
    dismiss(waiting)
  }

  /** Has the parent serve all connections that wait. */
  #serveAllHere(): void {
    for (const waiting of [...this.#waiting.splice(0), ...this.#behind.splice(0)])
      this.server.serveHere(waiting)
  }

  /** Ends all readers, each once its clients have what they wait for. Connections that rest come back. */
  async close(drainMs: number): Promise<void> {
    if (!this.isClosed) {
      this.isClosed = true
      clearTimeout(this.#timer)
      this.rejectAwaiting(closed())
      this.#serveAllHere()
    }
    await this.#swap
    this.endAll(drainMs)
    this.#current = []
    await this.untilEnded()
  }

  onRoom(): void {
    this.#handOut()
  }

  onReplace(reader: Reader): void {
    if (!this.#current.includes(reader)) return
    void this.#replace(reader)
  }

  onEnd(reader: Reader, status: WaitStatus | undefined): void {
    this.draining.delete(reader)
    if (this.#isHeldUp && this.draining.size < this.#mostDraining) this.#makeSoon(0)
    const index = this.#current.indexOf(reader)
    if (index === -1) return
    this.#current.splice(index, 1)
    if (this.isClosed) return
    if (this.noteDeath(reader, status)) this.#pause()
    void this.#respawn()
  }

  /** Makes a generation in `delayMs`. */
  #makeSoon(delayMs: number): void {
    clearTimeout(this.#timer)
    if (this.isClosed) return
    this.#timer = setTimeout(() => void this.#make(), delayMs)
    if (this.awaiting.length === 0) this.#timer.unref()
  }

  get #mostDraining(): number {
    return MOST_DRAINING * this.plan.readers
  }

  async #make(): Promise<void> {
    if (this.isClosed || this.#swap) return
    if (this.server.isGone()) return this.server.gone()
    if (this.#isUnchanged()) return this.#makeSoon(this.plan.maxAge)
    if (this.draining.size >= this.#mostDraining) return this.#holdUp()
    this.#isHeldUp = false
    this.#swap = this.#tryToSwap().finally(() => {
      this.#swap = undefined
    })
    await this.#swap
    const { maxAge } = this.plan
    const isOwed = this.#isWanted || this.awaiting.some(({ from }) => from < this.#begun)
    if (isOwed) this.#makeSoon(this.setbacks.delay)
    else if (maxAge !== Infinity)
      // A swap that takes long leaves the parent as much time.
      this.#makeSoon(
        Math.max(maxAge - (uptimeMs() - this.#forkedAt), this.counts.swapMs, this.setbacks.delay),
      )
  }

  /** Waits until one of those that drain has ended. */
  #holdUp(): void {
    if (this.#isHeldUp) return
    this.#isHeldUp = true
    this.#defer(new Error(`${this.draining.size} readers of earlier generations are still draining`))
  }

  #isUnchanged(): boolean {
    const { version } = this.plan
    const isWanted = this.awaiting.length > 0 || this.#behind.length > 0
    if (!version || isWanted || this.#hasForwarded || this.#generation === 0) return false
    return Object.is(this.readVersion(), this.#lastVersion)
  }

  async #tryToSwap(): Promise<void> {
    const generation = ++this.#begun
    const version = this.readVersion()
    const hasForwarded = this.#hasForwarded
    this.#isWanted = false
    this.#hasForwarded = false
    const made: Reader[] = []
    try {
      this.prepare(generation)
      await this.#recruit(generation, made)
    } catch (error) {
      this.#hasForwarded ||= hasForwarded
      this.retire(made, 0)
      this.#noteFailure(error as Error)
      return this.#defer(error as Error)
    }
    if (this.isClosed) return this.retire(made, 0)
    const old = this.#current
    this.#current = made
    this.#generation = generation
    this.#forkedAt = Math.min(...made.map(({ forkedAt }) => forkedAt))
    this.#lastVersion = version
    this.setbacks.forget()
    this.tellBegun(generation, made, uptimeMs() - this.#forkedAt)
    this.retire(old, this.plan.drainTimeout)
    this.#hurryOlder()
    const served = this.awaiting.filter(({ from }) => from < generation)
    this.awaiting = this.awaiting.filter(({ from }) => from >= generation)
    // Readers that were told to retire may have read nothing of that yet.
    const stopped = Promise.all([...this.draining].map(({ retired }) => retired))
    void stopped.then(() => {
      for (const { resolve } of served) resolve(generation)
    })
    const behind = this.#behind
    this.#behind = behind.filter((waiting) => this.#isBehind(waiting))
    this.#waiting.push(...behind.filter((waiting) => !this.#behind.includes(waiting)))
    this.#handOut()
    // Those that ended before the last one was made.
    for (const reader of made) if (reader.ending) this.onEnd(reader, reader.ending.status)
  }

  /** Has all readers that drain but the last end what rests, before so many drain that no other generation can be made. */
  #hurryOlder(): void {
    if (this.draining.size <= this.#mostDraining / 2) return
    for (const reader of this.draining) if (reader.generation < this.#generation - 1) reader.hurry()
  }

  /** Makes the readers of a generation, and puts each into `made`. @throws if one cannot be made. */
  async #recruit(generation: number, made: Reader[]): Promise<void> {
    const stop = stopSignal()
    const attempts = Array.from({ length: this.plan.readers }, async () => {
      made.push(await this.server.recruit(this, generation))
    })
    const outcomes = await Promise.allSettled(attempts)
    const failed = outcomes.find((outcome) => outcome.status === 'rejected')
    if (failed) throw failed.reason
    if (stop.aborted) throw turnedAway()
  }

  #defer(error: Error): void {
    this.tellDeferred(error)
    // What somebody waits for cannot be had.
    if (!this.setbacks.areMany) return
    this.rejectAwaiting(error)
    for (const waiting of this.#behind.splice(0)) this.server.serveHere(waiting)
  }

  /** Makes one more reader for one that has ended. */
  async #respawn(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, this.setbacks.delay).unref())
    await this.#swap
    if (this.isClosed || this.#current.length >= this.plan.readers || this.#generation === 0) return
    this.counts.respawns++
    try {
      this.#join(await this.server.recruit(this, this.#generation))
    } catch (error) {
      this.#noteFailure(error as Error)
      this.#defer(error as Error)
    }
    // It could not be made, or a generation after it has come meanwhile.
    if (this.#current.length < this.plan.readers) void this.#respawn()
  }

  async #replace(reader: Reader): Promise<void> {
    await this.#swap
    if (this.isClosed || !this.#current.includes(reader)) return
    this.counts.respawns++
    try {
      const fresh = await this.server.recruit(this, this.#generation)
      const index = this.#current.indexOf(reader)
      if (index !== -1) this.#current.splice(index, 1)
      this.retire([reader], this.plan.drainTimeout)
      this.#join(fresh)
    } catch (error) {
      this.#defer(error as Error)
      reader.askAgain()
    }
  }

  #join(reader: Reader): void {
    const isLate = this.#current.length >= this.plan.readers || reader.generation < this.#generation
    if (this.isClosed || isLate) {
      this.retire([reader], this.plan.drainTimeout)
      return
    }
    this.#current.push(reader)
    this.#handOut()
  }

  #noteFailure(error: Error): void {
    if (this.setbacks.noteFailure(error)) this.#pause()
  }

  /** What no reader serves the parent does. */
  #pause(): void {
    if (this.#current.length === 0) this.#serveAllHere()
  }

  #handOut(): void {
    while (this.#waiting[0] && this.#handOver(this.#waiting[0])) this.#waiting.shift()
  }

  /** Sends a connection to the reader with the fewest. @returns false if none has room. */
  #handOver(waiting: Waiting): boolean {
    // What one client sees never goes back, though its reader has been replaced by one of the same generation.
    const { seen = 0 } = waiting.luggage
    const able = this.#current.filter(({ forkedAt }) => forkedAt >= seen)
    able.sort((a, b) => Number(a.isStalled) - Number(b.isStalled) || a.load - b.load)
    return able.some((reader) => reader.hand(waiting))
  }
}
