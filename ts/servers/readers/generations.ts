import { clearTimeout, setTimeout, uptimeMs } from '../../node-internals/clock.js'
import { stopSignal, turnedAway } from '../../parent/admission.js'
import type { WaitStatus } from '../../types/wait-status.js'
import { Crew, closed } from './crew.js'
import { dismiss, type Reader, type Waiting } from './reader.js'

/** Maximum number of generations draining at the same time. The next one waits until fewer drain. */
export const MOST_DRAINING = 16
/**
Maximum number of new connections that wait for a reader. Further ones are closed. Those that readers had before are no
more than were let in, and each must have a place when its reader ends.
*/
const MOST_WAITING = 4096

/** Readers of one server: the serving generation, the draining ones, and the schedule of the next. */
export class Generations extends Crew {
  #current: Reader[] = []
  #generation = 0
  #timer: NodeJS.Timeout | undefined
  /** The swap in progress. */
  #swap: Promise<void> | undefined
  /** Number of the last generation that was begun. */
  #begun = 0
  /** Whether a generation that begins after the one in progress is wanted immediately. */
  #isWanted = false
  #lastVersion: unknown
  #hasForwarded = false
  /** Connections that wait until a reader has room. */
  #waiting: Waiting[] = []
  /** Connections that have written, and wait for a generation that contains the write. */
  #behind: Waiting[] = []
  /** Whether the next generation waits until fewer readers drain. */
  #isHeldUp = false
  /** Respawned readers that have taken no connection so far. */
  readonly #untried = new Set<Reader>()
  /** Whether readers that have ended are being respawned. */
  #isRespawning = false
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
    const isMaking = this.#generation > 0 && !this.setbacks.areHopeless
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

  /** Records a change in the parent that readers should see, whatever `version` says. */
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
      if (this.plan.maxAge === Infinity) this.#want()
      // The next attempt may fail, and the parent has seen the write.
      if (this.setbacks.areHopeless) this.server.serveHere(waiting)
      else this.#keep(waiting, this.#behind)
    } else if (this.setbacks.areHopeless && !this.#hasReaderFor(waiting)) {
      this.server.serveHere(waiting)
    } else if (this.#comesAfterOthers(waiting) || !this.#handOver(waiting)) {
      this.#keep(waiting, this.#waiting)
    }
  }

  /** Schedules a generation if none comes by itself: immediately, or when the next attempt is due. */
  #want(): void {
    if (!this.setbacks.areMany) {
      this.refresh().catch(() => {})
      return
    }
    this.#isWanted = true
    if (!this.#swap && !this.#timer) this.#makeSoon(this.setbacks.delay)
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
    } else if (isNew(waiting) && among.filter(isNew).length >= MOST_WAITING) {
      this.counts.lost++
      dismiss(waiting)
    } else among.push(waiting)
  }

  /** Lets the parent serve all waiting connections. */
  #serveAllHere(): void {
    for (const waiting of [...this.#waiting.splice(0), ...this.#behind.splice(0)])
      this.server.serveHere(waiting)
  }

  /** Ends each reader once its clients have their answers. Idle connections come back. */
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

  onRoom(reader: Reader): void {
    if (reader.hasTaken && this.#untried.delete(reader)) {
      // Readers can be made again.
      this.setbacks.forget()
      if (!this.#swap && this.age > this.plan.maxAge) this.#makeSoon(0)
    }
    this.#handOut()
  }

  onReplace(reader: Reader): void {
    if (!this.#current.includes(reader)) return
    void this.#replace(reader)
  }

  onEnd(reader: Reader, status: WaitStatus | undefined): void {
    this.draining.delete(reader)
    this.#untried.delete(reader)
    if (this.#isHeldUp && this.draining.size < this.#mostDraining) this.#makeSoon(0)
    const index = this.#current.indexOf(reader)
    if (index === -1) return
    this.#current.splice(index, 1)
    if (this.isClosed) return
    this.noteDeath(reader, status)
    this.#giveUpWaiting()
    void this.#respawn()
  }

  /** Makes a generation after `delayMs`. */
  #makeSoon(delayMs: number): void {
    clearTimeout(this.#timer)
    if (this.isClosed) return
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      void this.#make()
    }, delayMs)
    if (this.awaiting.length === 0) this.#timer.unref()
  }

  get #mostDraining(): number {
    return MOST_DRAINING * this.plan.readers
  }

  async #make(): Promise<void> {
    if (this.isClosed || this.#swap) return
    if (this.server.isGone()) return this.server.gone()
    const { maxAge } = this.plan
    if (this.#isUnchanged()) {
      if (maxAge !== Infinity) this.#makeSoon(maxAge)
      return
    }
    if (this.draining.size >= this.#mostDraining) return this.#holdUp()
    this.#isHeldUp = false
    this.#swap = this.#tryToSwap().finally(() => {
      this.#swap = undefined
    })
    await this.#swap
    const isOwed = this.#isWanted || this.awaiting.some(({ from }) => from < this.#begun)
    if (isOwed) this.#makeSoon(this.setbacks.delay)
    else if (maxAge !== Infinity)
      // A long swap is followed by as much time for the parent.
      this.#makeSoon(
        Math.max(maxAge - (uptimeMs() - this.#forkedAt), this.counts.swapMs, this.setbacks.delay),
      )
  }

  /** Waits until a draining reader has ended. */
  #holdUp(): void {
    if (this.#isHeldUp) return
    this.#isHeldUp = true
    this.#defer(new Error(`${this.draining.size} readers of earlier generations are still draining`))
  }

  #isUnchanged(): boolean {
    const { version } = this.plan
    const isWanted = this.#isWanted || this.awaiting.length > 0 || this.#behind.length > 0
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
      this.setbacks.noteFailure(error as Error)
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
    // Retiring readers may not have read the message to retire yet.
    const stopped = Promise.all([...this.draining].map(({ retired }) => retired))
    void stopped.then(() => {
      for (const { resolve } of served) resolve(generation)
    })
    const behind = this.#behind
    this.#behind = behind.filter((waiting) => this.#isBehind(waiting))
    this.#waiting.push(...behind.filter((waiting) => !this.#behind.includes(waiting)))
    this.#handOut()
    // Readers that ended before the last one was made.
    for (const reader of made) if (reader.ending) this.onEnd(reader, reader.ending.status)
  }

  /**
  Makes all draining readers except the latest disconnect clients that wait for nothing, before so many drain that no
  other generation can be made. In the end, also clients in the middle of a request, which might never send the rest.
  */
  #hurryOlder(): void {
    const share = this.draining.size / this.#mostDraining
    if (share <= 1 / 2) return
    for (const reader of this.draining)
      if (reader.generation < this.#generation - 1) reader.hurry(share > 3 / 4 ? 'half' : 'rest')
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
    if (this.setbacks.areMany) this.rejectAwaiting(error)
    if (this.setbacks.areHopeless)
      for (const waiting of this.#behind.splice(0)) this.server.serveHere(waiting)
    this.#giveUpWaiting()
  }

  /**
  Lets the parent serve connections that have no reader, or none that is young enough, once so many attempts
  have failed that they do not wait for the next.
  */
  #giveUpWaiting(): void {
    if (!this.setbacks.areHopeless) return
    const alone: Waiting[] = []
    const waiting: Waiting[] = []
    for (const one of this.#waiting) (this.#hasReaderFor(one) ? waiting : alone).push(one)
    this.#waiting = waiting
    for (const one of alone) this.server.serveHere(one)
    if (this.#current.length > 0) return
    for (const one of this.#behind.splice(0)) this.server.serveHere(one)
  }

  /** Respawns readers that have ended, until none is missing. */
  async #respawn(): Promise<void> {
    if (this.#isRespawning) return
    this.#isRespawning = true
    while (this.#missing > 0) {
      await new Promise((resolve) => setTimeout(resolve, this.setbacks.delay).unref())
      await this.#swap
      const attempts = Array.from({ length: this.#missing }, async () => {
        this.counts.respawns++
        this.#join(await this.server.recruit(this, this.#generation))
      })
      const outcomes = await Promise.allSettled(attempts)
      const failed = outcomes.find((outcome) => outcome.status === 'rejected')
      if (!failed) continue
      // Counts as one attempt, however many readers it was for.
      this.setbacks.noteFailure(failed.reason)
      this.#defer(failed.reason)
    }
    this.#isRespawning = false
  }

  /** Number of readers of the serving generation that have ended. */
  get #missing(): number {
    return this.isClosed || this.#generation === 0 ? 0 : this.plan.readers - this.#current.length
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
    this.#untried.add(reader)
    this.#handOut()
  }

  /** Hands over waiting connections, in order. Once one finds no room, those that have seen as much do not try. */
  #handOut(): void {
    const oldest = this.#oldest
    const left: Waiting[] = []
    let refused = Infinity
    let next = 0
    for (; refused > oldest && next < this.#waiting.length; next++) {
      const waiting = this.#waiting[next] as Waiting
      if (seenBy(waiting) < refused && this.#handOver(waiting)) continue
      refused = Math.min(refused, seenBy(waiting))
      left.push(waiting)
    }
    this.#waiting = left.concat(this.#waiting.slice(next))
  }

  /** Whether another connection already waits for a reader that might serve this one too. */
  #comesAfterOthers(waiting: Waiting): boolean {
    // A connection that has seen less than the oldest snapshot may go to any reader.
    const seen = Math.max(seenBy(waiting), this.#oldest)
    return this.#waiting.some((other) => seenBy(other) <= seen && this.#hasReaderFor(other))
  }

  /** Time of the oldest snapshot that new connections may get, by `uptimeMs`. */
  get #oldest(): number {
    return Math.min(...this.#current.map(({ forkedAt }) => forkedAt))
  }

  /** Whether a live reader may serve a connection, now or once it has room. */
  #hasReaderFor(waiting: Waiting): boolean {
    return this.#current.some((reader) => isYoungEnough(reader, waiting))
  }

  /** Hands a connection to the reader with the fewest. @returns false if none has room. */
  #handOver(waiting: Waiting): boolean {
    const able = this.#current.filter((reader) => isYoungEnough(reader, waiting))
    able.sort((a, b) => Number(a.isStalled) - Number(b.isStalled) || a.load - b.load)
    return able.some((reader) => reader.hand(waiting))
  }
}

/** Whether no reader has had a connection so far. */
function isNew({ luggage: { seen } }: Waiting): boolean {
  return seen === undefined
}

/** Time of the youngest snapshot that the client has seen, by `uptimeMs`. */
function seenBy({ luggage: { seen = 0 } }: Waiting): number {
  return seen
}

/** A client never goes back to an older snapshot, even if its reader is replaced by one of the same generation. */
function isYoungEnough({ forkedAt }: Reader, waiting: Waiting): boolean {
  return forkedAt >= seenBy(waiting)
}
