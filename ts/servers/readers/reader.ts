import { onReport } from '../../in-clone/progress.js'
import { native } from '../../native.js'
import { clearTimeout, setImmediate, setTimeout, uptimeMs } from '../../node-internals/clock.js'
import type { CloneOptions } from '../../options/clone-options.js'
import { settings } from '../../options/settings.js'
import type { Places } from '../../parent/admission.js'
import { closeFile, type Launched, launch, prepare } from '../../parent/launch.js'
import { discard, killAfter } from '../../parent/terminate.js'
import { type Frame, KIND } from '../../transport/frames.js'
import { decodeValue } from '../../transport/messages.js'
import type { Callable } from '../../types/callable.js'
import type { Clone } from '../../types/clone.js'
import { QcloneError } from '../../types/errors.js'
import { explained, type WaitStatus } from '../../types/wait-status.js'
import { Handover, openHandover } from './handover.js'
import type { Hurry, Luggage, Note, Whereabouts } from './note.js'
import { REPORT_MS, type Report } from './reader-process.js'

/** Connection that no reader has taken yet. Owns its descriptor, and closes it. */
export interface Waiting {
  readonly fd: number
  readonly luggage: Luggage
  /** File in memory with input that was read but not handled, if there is any. */
  readonly file: number | undefined
}

/** Closes the descriptors that a connection holds in this process. */
export function dismiss({ fd, file }: Waiting): void {
  native().closePipeEnd(fd)
  closeFile(file)
}

/** Functions that handle the events of a reader in its parent. */
export interface Owner {
  /** A connection came back, or was not taken. */
  onBack(waiting: Waiting): void
  /** A connection came back, or requests were forwarded, but this process has no descriptor left for them. */
  onUnopened(isConnection: boolean): void
  /** A reader forwards requests through the connection `fd`. */
  onForward(fd: number, whereabouts: Whereabouts): void
  /** A reader passes on an update. */
  onUpdate(update: unknown): void
  /** A reader has taken a connection or closed one, so it has room. */
  onRoom(reader: Reader): void
  /** A reader should be replaced. */
  onReplace(reader: Reader): void
  /** A reader has ended. */
  onEnd(reader: Reader, status: WaitStatus | undefined): void
}

/** Parameters of a new reader. */
export interface Recruit {
  readonly places: Places
  readonly name: string
  readonly options: CloneOptions
  readonly generation: number
  /** Maximum time without a sign of life, in milliseconds. */
  readonly silenceMs: number
  /** Called in the clone, with its descriptors. */
  readonly serve: (ends: { handover: number; link: number }) => void
  readonly calls: readonly Callable[]
}

interface Early {
  readonly waiting: Waiting
  readonly updates: number
}

/** Reader, as its parent sees it. */
export class Reader {
  readonly clone: Clone
  readonly generation: number
  /** Time right before its fork, by `uptimeMs`. */
  readonly forkedAt: number
  readonly #owner: Owner
  readonly #handover: Handover
  /** Connections sent to it that it has not taken yet, by id. */
  readonly #sent = new Map<number, Waiting & { readonly sentAt: number }>()
  #nextId = 0
  /** Updates that it has passed on so far. */
  #updates = 0
  /** Time at which the last of them was handled, by `uptimeMs`. */
  #updatedAt = 0
  /** Connections that came back before the updates they had sent. */
  readonly #early: Early[] = []
  /** Whether no further update can come. */
  #hasSaidAll = false
  #open = 0
  /** Whether it had no descriptor left for its last connection. */
  #isFull = false
  #heardAt = uptimeMs()
  #report: Report = { open: 0, requests: 0, busy: 0 }
  /** Time by which it must have ended, by `uptimeMs`. */
  #retiresBy = Infinity
  #isServing = false
  #hasTaken = false
  /** How it ended. */
  #ending: { status: WaitStatus | undefined } | undefined
  /** Time it has to end, in milliseconds, while the message to retire is unsent. */
  #retireWithin: number | undefined
  #asksForReplacement = false
  #wasFaulty = false
  #beginsToServe: () => void = () => {}
  #hasRetired: () => void = () => {}
  /** Settles once it retires and reads no more new requests, or has ended. */
  readonly retired: Promise<void>
  /** Settles once it takes connections, or has ended before that. */
  readonly #serving: Promise<void>

  constructor(owner: Owner, launched: Launched, { generation, silenceMs }: Recruit, own: number) {
    const { clone, channel, guard } = launched
    this.clone = clone
    this.generation = generation
    this.forkedAt = launched.forkedAt
    this.#owner = owner
    this.#handover = new Handover(
      own,
      (note, fds) => this.#receive(note, fds),
      () => {
        this.#salvage()
        // Usually it has ended. A process that has only closed the socket is useless.
        discard(clone)
      },
    )
    channel.on('frame', (frame) => this.#hear(frame))
    channel.on('close', () => {
      this.#hasSaidAll = true
      // It has died in the middle of an update.
      for (const { waiting } of this.#early.splice(0)) this.#giveOn(waiting)
    })
    channel.resume()
    // The server keeps the parent alive. Once that is gone, `retire` does.
    channel.unref()
    clone.unref()
    this.#watchForSilence(silenceMs)
    this.retired = new Promise((resolve) => {
      this.#hasRetired = resolve
    })
    const release = () => guard.release()
    clone.exited.then(release, release)
    const end = (status: WaitStatus | undefined) => {
      this.#ending = { status }
      owner.onEnd(this, status)
      this.#beginsToServe()
      this.#hasRetired()
    }
    clone.exited.then(end, () => end(undefined))
    this.#serving = new Promise((resolve) => {
      this.#beginsToServe = resolve
    })
  }

  /** How it ended, if it has. */
  get ending(): { readonly status: WaitStatus | undefined } | undefined {
    return this.#ending
  }

  /** Waits until it takes connections: code called first in it may end it. @throws {QcloneError} if it has ended. */
  async untilItServes(): Promise<void> {
    // After a long turn, timers fire before the parent has read messages that its clones sent in time.
    const timer = setTimeout(
      () => setImmediate(() => !this.#isServing && discard(this.clone)),
      settings().readyTimeout,
    )
    await this.#serving
    clearTimeout(timer)
    if (this.#isServing) return
    const status = this.#ending?.status
    const how = status ? explained(status) : 'ended'
    const details = status ? { status } : {}
    throw new QcloneError('ERR_QCLONE_DIED', `reader ${this.clone.pid} ${how} before it served`, details)
  }

  /** Whether it was terminated as faulty: it hung, or sent a malformed message. */
  get wasFaulty(): boolean {
    return this.#wasFaulty
  }

  get isRetiring(): boolean {
    return this.#retiresBy < Infinity
  }

  /** Whether it has ever taken a connection. */
  get hasTaken(): boolean {
    return this.#hasTaken
  }

  /** Connections it has or is about to have. */
  get load(): number {
    return this.#open + this.#early.length + this.#sent.size
  }

  /** Whether it has not taken a connection that was sent to it some time ago. */
  get isStalled(): boolean {
    const [oldest] = this.#sent.values()
    return oldest !== undefined && uptimeMs() - oldest.sentAt > STALLED_MS
  }

  /** Requests and queries it has begun, as last reported. */
  get requests(): number {
    return this.#report.requests
  }

  /** Utilization of its event loop, as last reported. */
  get busy(): number {
    return this.#report.busy
  }

  /** Sends it a connection. @returns false if it has no room, or has ended. */
  hand(waiting: Waiting): boolean {
    const id = this.#nextId++
    const { fd, luggage, file } = waiting
    if (this.#isFull) return false
    const fds = file === undefined ? [fd] : [fd, file]
    if (this.#handover.send({ take: id, with: luggage }, fds) !== undefined) return false
    this.#sent.set(id, { ...waiting, sentAt: uptimeMs() })
    return true
  }

  /** Lets it ask for a replacement again, since none could be made. */
  askAgain(): void {
    this.#asksForReplacement = false
  }

  /**
  Makes it take no more connections, give back idle ones, and end. It is killed if that takes too long. A second call
  can only make it end sooner.
  */
  retire(withinMs: number): void {
    const by = uptimeMs() + withinMs
    if (by >= this.#retiresBy) return
    this.#retiresBy = by
    this.clone.ref()
    this.#retireWithin = withinMs
    this.#tellToRetire()
    // The owner sees its end.
    killAfter(this.clone, withinMs + END_MS).catch(() => {})
  }

  /** Terminates it as faulty. */
  #reject(): void {
    this.#wasFaulty = true
    discard(this.clone)
  }

  /** Makes it disconnect clients that wait for nothing, once it retires. */
  hurry(hurry: Hurry): void {
    this.#handover.send({ hurry })
  }

  /** Sends the message to retire, now or when there is room for it. */
  #tellToRetire(): void {
    if (this.#retireWithin === undefined) return
    if (this.#handover.send({ retire: this.#retireWithin }) !== 'EAGAIN') this.#retireWithin = undefined
  }

  #receive(note: Note | undefined, [fd, file, ...others]: number[]): void {
    for (const other of others) native().closePipeEnd(other)
    if (note && 'back' in note) {
      this.#noteClosed()
      const isWhole = fd !== undefined && (file !== undefined || !note.back.unread)
      if (isWhole) {
        this.#takeBack({ fd, luggage: note.back, file }, note.updates)
        return
      }
    }
    closeFile(file)
    if (fd !== undefined && note && 'forward' in note) {
      this.#owner.onForward(fd, note.forward)
      return
    }
    closeFile(fd)
    if (note && 'took' in note) this.#noteTaken(note)
    else if (note && 'missed' in note) this.#noteMissed(note.missed)
    // Without its descriptor, the client is lost, or gets an error from the reader.
    else if (note && ('back' in note || 'forward' in note)) this.#owner.onUnopened('back' in note)
    // A malformed message comes from user code.
    else this.#reject()
  }

  /** Subtracts a connection, which counts elsewhere from now on. The reader soon reports how many are left. */
  #noteClosed(): void {
    this.#open = Math.max(this.#open - 1, 0)
    this.#isFull = false
  }

  /** Waits for the client's updates: they come on another channel, and must precede its next request. */
  #takeBack(waiting: Waiting, updates: number): void {
    if (updates <= this.#updates || this.#hasSaidAll) this.#giveOn(waiting)
    else this.#early.push({ waiting, updates })
  }

  #noteUpdate(): void {
    this.#updates++
    this.#updatedAt = uptimeMs()
    while (this.#early[0] && this.#early[0].updates <= this.#updates) {
      this.#giveOn((this.#early.shift() as Early).waiting)
    }
  }

  #giveOn(waiting: Waiting): void {
    const { luggage } = waiting
    // The reader knows when it has passed an update on, but not when it was handled.
    const wroteAt =
      luggage.wroteAt === undefined ? {} : { wroteAt: Math.max(luggage.wroteAt, this.#updatedAt) }
    this.#owner.onBack({ ...waiting, luggage: { ...luggage, ...wroteAt, seen: this.forkedAt } })
  }

  #noteTaken({ took, open, retired }: { took: readonly number[]; open: number; retired: boolean }): void {
    if (retired) this.#hasRetired()
    this.#isServing = true
    this.#beginsToServe()
    this.#hasTaken ||= took.length > 0
    for (const id of took) {
      const waiting = this.#sent.get(id)
      if (waiting) dismiss(waiting)
      this.#sent.delete(id)
    }
    if (open < this.#open) this.#isFull = false
    this.#open = open
    this.#tellToRetire()
    this.#owner.onRoom(this)
  }

  #noteMissed(id: number): void {
    const waiting = this.#sent.get(id)
    if (!waiting) return
    this.#sent.delete(id)
    // It can open no more until it has closed something.
    this.#isFull = true
    this.#owner.onBack(waiting)
  }

  /**
  Hands connections that the ended reader had not taken to another one: it reported all that it took. Updates may still
  be on their way.
  */
  #salvage(): void {
    this.#open = 0
    const left = [...this.#sent.values()]
    this.#sent.clear()
    for (const waiting of left) this.#owner.onBack(waiting)
  }

  #hear(frame: Frame): void {
    this.#heardAt = uptimeMs()
    let value: unknown
    try {
      value = decodeValue(frame)
    } catch {
      // It runs user code, which may have written to the pipe.
      this.#reject()
      return
    }
    if (frame.kind === KIND.value) {
      this.#owner.onUpdate(value)
      this.#noteUpdate()
    } else if (frame.kind === KIND.report) this.#noteReport((value ?? {}) as Partial<Report>)
    else this.#reject()
  }

  #noteReport({ open, requests, busy, replace }: Partial<Report>): void {
    this.#report = { open: numberOf(open), requests: numberOf(requests), busy: numberOf(busy) }
    this.#isFull = false
    if (replace === undefined || this.#asksForReplacement) return
    this.#asksForReplacement = true
    this.#owner.onReplace(this)
  }

  #watchForSilence(silenceMs: number): void {
    const look = () => {
      const silentMs = uptimeMs() - this.#heardAt
      if (silentMs > silenceMs) return this.#reject()
      timer = later(silenceMs - silentMs)
    }
    // After a long turn, timers fire before the parent has read messages that its clones sent in time.
    const later = (ms: number) => setTimeout(() => setImmediate(look), ms + REPORT_MS).unref()
    let timer = later(silenceMs)
    const forget = () => clearTimeout(timer)
    this.clone.exited.then(forget, forget)
  }
}

/** Returns a reported number, or 0: a reader may report anything. */
function numberOf(value: unknown): number {
  return typeof value === 'number' ? value : 0
}

/** Descriptor that is not open. Closing it does nothing. */
const NONE = -1

/** Time in milliseconds after which a reader that has not taken a connection counts as stalled. */
const STALLED_MS = 1000

/** Time in milliseconds a reader has to end once it has closed its last connections. */
const END_MS = 1000

/**
Makes a reader, and resolves once it can serve.

@throws {QcloneError} if none can be made.
*/
export async function recruit(owner: Owner, wanted: Recruit): Promise<Reader> {
  const { places, name, options, serve, calls } = wanted
  const task = { kind: 'reader', name } as const
  let [own, other] = [NONE, NONE]
  let reader: Reader
  try {
    const stdio = prepare(task, {}, () => {
      const ends = openHandover()
      own = ends[0]
      other = ends[1]
    })
    const launched = await launch({
      ...task,
      places,
      options: { ...options, keep: [other] },
      stdio,
      link: 'pipe',
      inClone: ({ fd }) => {
        onReport(undefined)
        serve({ handover: other, link: fd })
      },
      calls: [serve, ...calls],
    })
    reader = new Reader(owner, launched, wanted, own)
  } catch (error) {
    native().closePipeEnd(own)
    throw error
  } finally {
    native().closePipeEnd(other)
  }
  await reader.untilItServes()
  return reader
}
