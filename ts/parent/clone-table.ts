import { constants } from 'node:os'
import { onBecomingClone } from '../in-clone/hooks.js'
import type { ChildHandle, ForkTimings } from '../native.js'
import { sign } from '../observe/diagnostics.js'
import { handlers } from '../observe/handlers.js'
import { expectEndOptions } from '../options/end-options.js'
import type { Clone, CloneInfo, CloneKind, EndOptions, StandardStreams } from '../types/clone.js'
import { QcloneError } from '../types/errors.js'
import { fromNative, type WaitStatus } from '../types/wait-status.js'
import type { Places } from './admission.js'
import { scavengeInParallel } from './scavenges.js'
import { noteTimings } from './slow-forks.js'
import { NO_STREAMS } from './stdio.js'
import { endClone } from './terminate.js'

/** Properties of a new clone, besides its pid. */
export interface CloneFace {
  places: Places
  kind: CloneKind
  name: string
  streams?: StandardStreams | undefined
}

/** Size of a page in bytes. Pages can be larger on arm64, where `copiedBytes` is then too low. */
const PAGE_BYTES = 4096

/** Number of the last real-time signal. */
const LAST_SIGNAL = 64

/** Live clones of this process by pid, newest last. */
const live = new Map<number, LiveClone>()

class LiveClone implements Clone {
  readonly pid: number
  readonly kind: CloneKind
  readonly name: string
  readonly stdin
  readonly stdout
  readonly stderr
  readonly startedAt = Date.now()
  readonly timings: ForkTimings
  readonly exited: Promise<WaitStatus>
  status: WaitStatus | undefined
  /** Vouched-for files whose threads the clone lacks. */
  readonly vouchedFor: readonly string[]
  readonly #handle: ChildHandle
  readonly #places: Places
  #lost: QcloneError | undefined
  #settle!: { resolve: (status: WaitStatus) => void; reject: (error: QcloneError) => void }

  constructor(handle: ChildHandle, { places, kind, name, streams = NO_STREAMS }: CloneFace) {
    this.#handle = handle
    this.#places = places
    this.pid = handle.pid
    this.kind = kind
    this.name = name
    this.stdin = streams.stdin
    this.stdout = streams.stdout
    this.stderr = streams.stderr
    this.timings = handle.timings
    this.vouchedFor = handle.vouchedFor
    this.exited = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject }
    })
    // The user may not handle the rejection.
    this.exited.catch(() => {})
    handle.watch(() => this.reap())
  }

  /** Collects the wait status if the clone has ended. */
  reap(): WaitStatus | undefined {
    if (this.status || this.#lost || live.get(this.pid) !== this) return undefined
    try {
      const status = this.#handle.tryWait()
      if (!status) return undefined
      this.status = fromNative(status)
    } catch (cause) {
      const message = `the wait status of clone ${this.pid} is lost: another wait(2) call in this process got it, or SIGCHLD is ignored. Avoid both in a process that clones`
      this.#lost = new QcloneError('ERR_QCLONE_DIED', message, { cause })
    }
    live.delete(this.pid)
    noteFewerClones()
    this.#handle.close()
    this.#places.giveBack()
    if (!this.status) {
      if (this.#lost) this.#settle.reject(this.#lost)
      return undefined
    }
    this.#settle.resolve(this.status)
    const { pid, kind, name, status, startedAt } = this
    const copiedBytes = status.rusage && status.rusage.minorFaults * PAGE_BYTES
    sign('qclone:reaped', { kind, name, pid, ms: Date.now() - startedAt, status, copiedBytes })
    handlers.oldClone.call(status, kind)
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
    // The kernel reuses pids, so another clone can have this pid.
    if (live.get(this.pid) !== this) return false
    try {
      this.#handle.kill(number)
    } catch (cause) {
      const message = `clone ${this.pid} cannot be signaled: ${(cause as Error).message}`
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
Adds a new clone to the table, and calls the handlers.

@throws {QcloneError} if the clone's end cannot be watched. The clone has then been killed and reaped.
*/
export function adopt(handle: ChildHandle, face: CloneFace): Clone {
  const clone = watched(handle, face)
  live.set(clone.pid, clone)
  const { pid, kind, name, timings } = clone
  const advice = noteTimings(timings)
  sign('qclone:forked', { kind, name, pid, timings, ...(advice && { advice }) })
  handlers.newClone.call(clone, kind)
  return clone
}

function watched(handle: ChildHandle, face: CloneFace): LiveClone {
  try {
    return new LiveClone(handle, face)
  } catch (cause) {
    handle.abandon()
    const message = `no clone was made: its end cannot be watched (${(cause as Error).message}): raise fs.epoll.max_user_watches, or run fewer clones`
    throw new QcloneError('ERR_QCLONE_FORK', message, { cause })
  }
}

/** Notes that a clone has ended, or was not made. */
export function noteFewerClones(): void {
  if (live.size === 0) scavengeInParallel()
}

/** Collects the wait status of every clone that has ended. */
export function reapAll(): WaitStatus[] {
  return [...live.values()].map((clone) => clone.reap()).filter((status) => status !== undefined)
}

/**
Returns the live clones of this process, newest last. Mutating the array has no effect.

@example
```ts
import { clones } from 'node-qclone'

for (const { pid, kind, name } of clones()) console.log(pid, kind, name)
```
*/
export function clones(): CloneInfo[] {
  return [...live.values()].map(({ pid, kind, name, startedAt }) => ({ pid, kind, name, startedAt }))
}

/** Returns the live clones as objects that can be signaled and terminated. */
export function liveClones(): Clone[] {
  return [...live.values()]
}

// The parent's clones are not the clone's children.
onBecomingClone('clones', () => live.clear())
