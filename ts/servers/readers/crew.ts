import { reportError } from '../../in-clone/exit.js'
import { process } from '../../node-internals/process.js'
import { sign } from '../../observe/diagnostics.js'
import { expectNoPromise } from '../../options/validate.js'
import { QcloneError } from '../../types/errors.js'
import { explained, type WaitStatus } from '../../types/wait-status.js'
import type { Whereabouts } from './note.js'
import type { Plan } from './options.js'
import type { Owner, Reader, Waiting } from './reader.js'
import type { ReadersStats } from './readers.js'
import { Setbacks } from './setbacks.js'

/** Functions that the readers of a server need from it. */
export interface Server {
  /** Makes a reader of this generation. */
  recruit(owner: Owner, generation: number): Promise<Reader>
  /** Whether the server no longer listens. */
  isGone(): boolean
  /** Called when the server no longer listens: readers are then useless. */
  gone(): void
  /** Serves a connection in the parent. */
  serveHere(waiting: Waiting): void
  /** Handles a forwarded request in the parent. Calls `over` at its end. */
  serveForwarded(fd: number, whereabouts: Whereabouts, over: () => void): void
  /** Handles an update in the parent. */
  update(update: unknown): void
  /** Called when a generation has begun to serve. */
  begun(generation: number): void
  /** Called when a reader has ended before it was retired. */
  died(message: string, status: WaitStatus | undefined): void
  /** Called when a generation could not be made. */
  deferred(error: Error): void
}

/** Counts of {@link ReadersStats}, kept as they change. */
type Counts = {
  -readonly [K in 'swaps' | 'deferred' | 'respawns' | 'lost' | 'forwarded' | 'swapMs']: ReadersStats[K]
}

/** Caller that waits for snapshots after a certain moment. */
interface Awaiting {
  /** That moment, as counted by the crew. */
  readonly from: number
  readonly resolve: (generation: number) => void
  readonly reject: (error: Error) => void
}

/** Readers that serve the connections of a server: generations, or one reader for each connection. */
export abstract class Crew implements Owner {
  readonly counts: Counts = { swaps: 0, deferred: 0, respawns: 0, lost: 0, forwarded: 0, swapMs: 0 }
  protected readonly plan: Plan
  protected readonly server: Server
  protected readonly draining = new Set<Reader>()
  protected readonly setbacks = new Setbacks()
  protected awaiting: Awaiting[] = []
  protected isClosed = false

  constructor(plan: Plan, server: Server) {
    this.plan = plan
    this.server = server
  }

  /** Number of the newest snapshot that serves; 0 before the first. */
  abstract readonly generation: number
  /** Age in milliseconds of the snapshot that readers answer from. */
  abstract readonly age: number
  /** Connections that wait for a reader. */
  abstract readonly waiting: number
  /** Idle connections, which need no reader until their client sends a request. */
  abstract readonly resting: number
  /** Live readers, draining ones last. */
  abstract readonly readers: readonly Reader[]
  /** Whether connections go to readers, now or as soon as there is one again. */
  abstract readonly isServing: boolean

  /** Begins to serve, and waits until connections go to readers. */
  abstract begin(): Promise<void>
  /** Makes all answers come from a snapshot taken after this call. @returns its number. */
  abstract refresh(): Promise<number>
  /** Waits until all answers come from a snapshot taken after this call. @returns its number. */
  abstract next(): Promise<number>
  /** Records a change in the parent that readers should see, whatever `version` says. */
  abstract noteChange(): void
  /** Sends a connection to a reader, or keeps it until one has room. */
  abstract dispatch(waiting: Waiting): void
  /** Ends each reader once its clients have their answers. Idle connections go to the parent. */
  abstract close(drainMs: number): Promise<void>
  abstract onRoom(reader: Reader): void
  abstract onReplace(reader: Reader): void
  abstract onEnd(reader: Reader, status: WaitStatus | undefined): void

  /** Connections that readers have, or that wait for one. */
  get load(): number {
    return this.readers.reduce((sum, { load }) => sum + load, this.waiting + this.resting)
  }

  onBack(waiting: Waiting): void {
    this.dispatch(waiting)
  }

  onUnopened(isConnection: boolean): void {
    if (isConnection) this.counts.lost++
    warnOfDescriptors()
  }

  onForward(fd: number, whereabouts: Whereabouts): void {
    this.counts.forwarded++
    // A reader forked before the request is over may have seen only part of its changes.
    this.server.serveForwarded(fd, whereabouts, () => {
      if (whereabouts.changes) this.noteChange()
    })
  }

  onUpdate(update: unknown): void {
    this.counts.forwarded++
    this.noteChange()
    this.server.update(update)
  }

  protected readVersion(): unknown {
    try {
      return this.plan.version?.()
    } catch (error) {
      reportError(error)
      // Equal to nothing: if in doubt, there is something new.
      return Symbol('unknown')
    }
  }

  /** Calls `before`. @throws the error that it throws. */
  protected prepare(generation: number): void {
    try {
      expectNoPromise(this.plan.before(generation), 'before')
    } catch (error) {
      reportError(error)
      throw error
    }
  }

  /** Reports a generation that has begun to serve. */
  protected tellBegun(generation: number, made: readonly Reader[], swapMs: number): void {
    this.counts.swaps++
    this.counts.swapMs = swapMs
    sign('qclone:generation', { generation, pids: made.map(({ clone }) => clone.pid), ms: swapMs })
    this.server.begun(generation)
  }

  /** Reports that a reader, or a whole generation, could not be made. */
  protected tellDeferred(error: Error): void {
    this.counts.deferred++
    sign('qclone:deferred', { generation: this.generation, error })
    this.server.deferred(error)
  }

  /** Reports a reader that has ended before it was retired. */
  protected noteDeath(reader: Reader, status: WaitStatus | undefined): void {
    const how = `reader ${reader.clone.pid} ${status ? explained(status) : 'ended without a status'}`
    this.server.died(how, status)
    if (reader.hasTaken) this.setbacks.noteDeath(reader.wasFaulty || !isFromOutside(status))
    else this.setbacks.noteStillborn(new Error(how))
  }

  protected retire(readers: readonly Reader[], withinMs: number): void {
    for (const reader of readers) {
      if (reader.ending) continue
      this.draining.add(reader)
      reader.retire(withinMs)
    }
  }

  /** Ends all readers, including those that already drain. */
  protected endAll(drainMs: number): void {
    this.retire(this.readers, drainMs)
    if (this.server.isGone()) for (const reader of this.draining) reader.hurry('rest')
  }

  /** Waits until all draining readers have ended. */
  protected async untilEnded(): Promise<void> {
    await Promise.all([...this.draining].map(({ clone }) => clone.exited.catch(() => {})))
  }

  protected rejectAwaiting(error: Error): void {
    for (const { reject } of this.awaiting.splice(0)) reject(error)
  }
}

let hasWarned = false

function warnOfDescriptors(): void {
  if (hasWarned) return
  hasWarned = true
  process.emitWarning(
    'Connections of readers were closed because this process has no file descriptor left. It needs one for each connection when a generation ends: raise `ulimit -n`, or set `server.maxConnections`',
    { type: 'QcloneWarning', code: 'QCLONE_READERS' },
  )
}

/** Signals sent by an operator, or by the kernel when memory is short. */
const SIGNALS_FROM_OUTSIDE: readonly unknown[] = ['SIGKILL', 'SIGTERM', 'SIGINT', 'SIGHUP']

function isFromOutside(status: WaitStatus | undefined): boolean {
  return SIGNALS_FROM_OUTSIDE.includes(status?.signal)
}

export const closed = () => new QcloneError('ERR_QCLONE_ABORTED', 'the readers were closed')
