import { constants } from 'node:os'
import { leavePlace } from './admission.js'
import { QcloneError } from './errors.js'
import { type EndOptions, endClone, expectEndOptions } from './guard.js'
import { handlers } from './handlers.js'
import type { ChildHandle, ForkTimings } from './native.js'
import { sign } from './signs.js'
import { NO_STREAMS, type StandardStreams } from './stdio.js'
import { fromNative, type WaitStatus } from './wait-status.js'

/** By what a clone was made. */
export type EventType = Serving | 'persist' | 'run' | 'spawn' | 'stream'

/** What of a client a clone serves. */
export type Serving = 'offload' | 'query' | 'request' | 'session'

const SERVING: readonly string[] = ['offload', 'query', 'request', 'session'] satisfies Serving[]

/** Whether a clone has a client, which is told of it rather than its caller. */
export function isServing(event: EventType): event is Serving {
  return SERVING.includes(event)
}

/** A clone, as the table of clones lists it. */
export interface CloneInfo {
  readonly pid: number
  readonly event: EventType
  /** What it is called: the option `name`, or the name of its function. */
  readonly name: string
  /** When it was made, in milliseconds since the epoch. */
  readonly startedAt: number
}

/** A clone, seen from its parent. */
export interface Clone extends CloneInfo, StandardStreams, AsyncDisposable {
  /** For how long the parent stood still to make it. */
  readonly timings: ForkTimings
  /** How it ended; undefined while it has not been reaped. */
  readonly status: WaitStatus | undefined
  /** Resolves to how it ended, once it has been reaped. Rejects only when another wait took its status. */
  readonly exited: Promise<WaitStatus>
  /**
  Sends a signal, to this clone and never to a later process of the same pid.

  @param signal default: `SIGTERM`.
  @returns whether the clone was still there to get it.
  */
  kill(signal?: NodeJS.Signals | number): boolean
  /** Keeps the parent's event loop going until the clone has ended, as is the default. */
  ref(): this
  /** Lets the parent's event loop end before the clone, which then ends too. */
  unref(): this
  /**
  Ends it: by a signal, and by SIGKILL when it has not ended within `grace` milliseconds. `await using` does so, too.

  @returns a promise of how it ended.
  */
  stop(options?: EndOptions): Promise<WaitStatus>
}

/** What a clone is told by, beside its pid. */
export interface CloneFace {
  event: EventType
  name: string
  streams?: StandardStreams | undefined
}

/** Bytes of a page of memory. Those of arm64 may be larger, and `copiedBytes` is then too low. */
const PAGE_BYTES = 4096

/** The last of the real-time signals. */
const LAST_SIGNAL = 64

/** Live clones of this process, in order of their making. */
const live = new Map<number, LiveClone>()

class LiveClone implements Clone {
  readonly pid: number
  readonly event: EventType
  readonly name: string
  readonly stdin
  readonly stdout
  readonly stderr
  readonly startedAt = Date.now()
  readonly timings: ForkTimings
  readonly exited: Promise<WaitStatus>
  status: WaitStatus | undefined
  /** Files whose threads the clone lacks; see the setting `vouchFor`. */
  readonly vouchedFor: readonly string[]
  readonly #handle: ChildHandle
  #lost: QcloneError | undefined
  #settle!: { resolve: (status: WaitStatus) => void; reject: (error: QcloneError) => void }

  constructor(handle: ChildHandle, { event, name, streams = NO_STREAMS }: CloneFace) {
    this.#handle = handle
    this.pid = handle.pid
    this.event = event
    this.name = name
    this.stdin = streams.stdin
    this.stdout = streams.stdout
    this.stderr = streams.stderr
    this.timings = handle.timings
    this.vouchedFor = handle.vouchedFor
    this.exited = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject }
    })
    // Nobody need be interested.
    this.exited.catch(() => {})
    handle.watch(() => this.reap())
  }

  /** Takes the status if the clone has ended. */
  reap(): WaitStatus | undefined {
    if (this.status || this.#lost || live.get(this.pid) !== this) return undefined
    try {
      const status = this.#handle.tryWait()
      if (!status) return undefined
      this.status = fromNative(status)
    } catch (cause) {
      const message = `the status of clone ${this.pid} is lost: another wait in this process took it, or SIGCHLD is ignored`
      this.#lost = new QcloneError('ERR_QCLONE_DIED', message, { cause })
    }
    live.delete(this.pid)
    this.#handle.close()
    leavePlace()
    if (!this.status) {
      if (this.#lost) this.#settle.reject(this.#lost)
      return undefined
    }
    this.#settle.resolve(this.status)
    const { pid, event, name, status, startedAt } = this
    const copiedBytes = status.rusage && status.rusage.minorFaults * PAGE_BYTES
    sign('qclone:reaped', { event, name, pid, ms: Date.now() - startedAt, status, copiedBytes })
    handlers.oldClone.call(status, event)
    return status
  }

  async stop(options: EndOptions = {}): Promise<WaitStatus> {
    expectEndOptions(options)
    return endClone(this, options)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }

  kill(signal: NodeJS.Signals | number = 'SIGTERM'): boolean {
    const number = typeof signal === 'number' ? signal : constants.signals[signal]
    if (!Number.isInteger(number) || number < 0 || number > LAST_SIGNAL) {
      throw new TypeError(`Expected \`signal\` to be the name or number of a signal, got \`${signal}\``)
    }
    // The system gives pids again, so another clone may have this one's.
    if (live.get(this.pid) !== this) return false
    try {
      this.#handle.kill(number)
    } catch (cause) {
      const message = `clone ${this.pid} cannot be sent a signal: ${(cause as Error).message}`
      throw new QcloneError('ERR_QCLONE_FORK', message, { cause })
    }
    return true
  }

  ref(): this {
    this.#handle.ref()
    return this
  }

  unref(): this {
    this.#handle.unref()
    return this
  }
}

/**
Enters a new clone into the table, and tells the handlers.

@throws {QcloneError} when its end cannot be watched. It has been killed and reaped then.
*/
export function adopt(handle: ChildHandle, face: CloneFace): Clone {
  const clone = watched(handle, face)
  live.set(clone.pid, clone)
  const { pid, event, name, timings } = clone
  sign('qclone:forked', { event, name, pid, timings })
  handlers.newClone.call(clone, event)
  return clone
}

function watched(handle: ChildHandle, face: CloneFace): LiveClone {
  try {
    return new LiveClone(handle, face)
  } catch (cause) {
    handle.abandon()
    const message = `no clone was made: its end cannot be watched (${(cause as Error).message}): raise fs.epoll.max_user_watches, or make fewer clones`
    throw new QcloneError('ERR_QCLONE_FORK', message, { cause })
  }
}

/** Takes the status of every clone that has ended. */
export function reapAll(): WaitStatus[] {
  return [...live.values()].map((clone) => clone.reap()).filter((status) => status !== undefined)
}

/** Live clones of this process, newest last. A copy: changing it changes nothing. */
export function clones(): CloneInfo[] {
  return [...live.values()].map(({ pid, event, name, startedAt }) => ({ pid, event, name, startedAt }))
}

/** The same, to act on. */
export function liveClones(): Clone[] {
  return [...live.values()]
}

/** In a clone: its parent's clones are not its own. */
export function disownAll(): void {
  live.clear()
}
