import type { Readable, Writable } from 'node:stream'
import type { ForkTimings } from '../../binding.cjs'
import type { WaitStatus } from './wait-status.js'

/** Function, or kind of server, that made a clone. */
export type CloneKind = Serving | 'resident' | 'run' | 'spawn' | 'stream'

/** Part of the clients' traffic that a clone serves: all of it for a reader, otherwise part of one client's traffic. */
export type Serving = 'offload' | 'query' | 'reader' | 'request' | 'session'

const SERVING: readonly string[] = ['offload', 'query', 'reader', 'request', 'session'] satisfies Serving[]

/** Returns whether the clone serves a client, which then gets the outcome instead of the caller. */
export function isServing(kind: CloneKind): kind is Serving {
  return SERVING.includes(kind)
}

/** Clone as listed by `clones`. */
export interface CloneInfo {
  /** Process id. */
  readonly pid: number
  /** Function, or kind of server, that made the clone. */
  readonly kind: CloneKind
  /** Name of the clone: the option `name`, or the name of its function. */
  readonly name: string
  /** Time of the fork, in milliseconds since the epoch. */
  readonly startedAt: number
}

/** Clone, seen from its parent. */
export interface Clone extends CloneInfo, StandardStreams, AsyncDisposable {
  /** Time the parent was blocked by the fork, step by step. */
  readonly timings: ForkTimings
  /** Wait status of the clone once it has been reaped, `undefined` before. */
  readonly status: WaitStatus | undefined
  /** Promise of the wait status. Rejects only if another wait in this process took the status. */
  readonly exited: Promise<WaitStatus>
  /**
  Sends a signal to this clone, never to a later process with the same pid.

  @param signal Name or number of the signal, `'SIGTERM'` by default.
  @returns `false` if the clone has ended and was reaped.
  */
  kill(signal?: NodeJS.Signals | number): boolean
  /** Keeps the parent's event loop alive until the clone has ended, which is the default. */
  ref(): this
  /** Lets the parent's event loop end before the clone, which then ends too. */
  unref(): this
  /**
  Terminates the clone with a signal, then with `SIGKILL` if it has not ended within `forceKillAfterDelay` milliseconds.
  `await using` does the same.

  @returns a promise of the wait status.
  */
  stop(options?: EndOptions): Promise<WaitStatus>
}

/** The parent's ends of the standard streams of a clone that are pipes, otherwise `null`. */
export interface StandardStreams {
  /** Standard input of the clone. */
  readonly stdin: Writable | null
  /** Standard output of the clone. */
  readonly stdout: Readable | null
  /** Standard error of the clone. */
  readonly stderr: Readable | null
}

/** Options of functions that end clones. */
export interface EndOptions {
  /**
  Signal sent to the clone.

  @default 'SIGTERM'
  */
  readonly killSignal?: NodeJS.Signals | undefined

  /**
  Time in milliseconds the clone has to end before it is killed with `SIGKILL`.

  @default 1000
  */
  readonly forceKillAfterDelay?: number | undefined
}
