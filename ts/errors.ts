import type { ForkFailure } from '../binding.cjs'
import type { WaitStatus } from './wait-status.js'

/**
Tells what happened. Match on it rather than on a message:

- `ERR_QCLONE_ABORTED`: the caller's `AbortSignal` ended it; its reason is the `cause`.
- `ERR_QCLONE_BUSY`: as many clones live, and wait, as `configure` allows.
- `ERR_QCLONE_MEMORY`: a clone might not find the memory that it may come to need.
- `ERR_QCLONE_NOT_READY`: clones were made, and twice none came as far as calling the function.
- `ERR_QCLONE_TIMEOUT`: the clone was ended at its deadline.
- `ERR_QCLONE_THREADS`: threads stand in the way of a fork; see {@link QcloneError.threads}.
- `ERR_QCLONE_PROC`: `/proc` cannot be read, so nothing is known of the threads.
- `ERR_QCLONE_FORK`: the system refused the fork or what it needs; see {@link QcloneError.errno}.
- `ERR_QCLONE_DIED`: the clone ended without an answer; see {@link QcloneError.status}.
- `ERR_QCLONE_KEEP`: what the clone was to keep is closed, or has writes pending.
- `ERR_QCLONE_UNSERIALIZABLE`: a value cannot travel between clone and parent; see {@link QcloneError.path}.
- `ERR_QCLONE_UNSUPPORTED`: this system, or this thread, cannot clone.
*/
export type ErrorCode =
  | 'ERR_QCLONE_ABORTED'
  | 'ERR_QCLONE_BUSY'
  | 'ERR_QCLONE_DIED'
  | 'ERR_QCLONE_FORK'
  | 'ERR_QCLONE_KEEP'
  | 'ERR_QCLONE_MEMORY'
  | 'ERR_QCLONE_NOT_READY'
  | 'ERR_QCLONE_PROC'
  | 'ERR_QCLONE_THREADS'
  | 'ERR_QCLONE_TIMEOUT'
  | 'ERR_QCLONE_UNSERIALIZABLE'
  | 'ERR_QCLONE_UNSUPPORTED'

/** A thread of this process that keeps it from being cloned. */
export interface ThreadInTheWay {
  /** Its thread id. */
  readonly tid: number
  /** Its name, as `ps -L` shows it. */
  readonly name: string
  /** The file whose code it runs: the `.node` or `.so` to look for. */
  readonly module: string | undefined
  /** Whether it may come to rest by itself. */
  readonly busy: boolean
  /** What it is taken for. */
  readonly what: string
}

/** What is known beside code and message. */
export interface ErrorDetails {
  cause?: unknown
  status?: WaitStatus
  threads?: readonly ThreadInTheWay[]
  errno?: string
  path?: string
}

/** Every error of this library that is not about an argument. */
export class QcloneError extends Error {
  override readonly name = 'QcloneError'
  readonly code: ErrorCode
  /** How the clone ended, with `ERR_QCLONE_DIED`, and with others of a clone that was made. */
  readonly status: WaitStatus | undefined
  /** Who stands in the way, with `ERR_QCLONE_THREADS`. */
  readonly threads: readonly ThreadInTheWay[]
  /** The system's name for the error, such as `EAGAIN`, with `ERR_QCLONE_FORK`. */
  readonly errno: string | undefined
  /** Where in the value that is which cannot travel, such as `value.rows[3].get`, with `ERR_QCLONE_UNSERIALIZABLE`. */
  readonly path: string | undefined

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, 'cause' in details ? { cause: details.cause } : undefined)
    this.code = code
    this.status = details.status
    this.threads = details.threads ?? []
    this.errno = details.errno
    this.path = details.path
  }
}

const CODE_OF_KIND: Record<string, ErrorCode> = {
  threads: 'ERR_QCLONE_THREADS',
  proc: 'ERR_QCLONE_PROC',
  mainThread: 'ERR_QCLONE_UNSUPPORTED',
}

/** The error that tells of a fork that was not made. */
export function fromFailure(failure: ForkFailure): QcloneError {
  const code = CODE_OF_KIND[failure.kind] ?? 'ERR_QCLONE_FORK'
  const threads = failure.threads.map(({ tid, name, module, busy, what }) => ({
    tid,
    name,
    module,
    busy,
    what,
  }))
  const message =
    code === 'ERR_QCLONE_THREADS' ? `${failure.message}. ${adviceOnThreads(threads)}` : failure.message
  return new QcloneError(code, message, { threads, ...(failure.errno && { errno: failure.errno }) })
}

/**
`error`, as one of this library's. What is none was thrown by the native part or by node, where something is not as this
version of the package knows it.
*/
export function typed(error: unknown): QcloneError {
  if (error instanceof QcloneError) return error
  const why = error instanceof Error ? error.message : String(error)
  return new QcloneError('ERR_QCLONE_UNSUPPORTED', `no clone was made: ${why}`, { cause: error })
}

function adviceOnThreads(threads: readonly ThreadInTheWay[]): string {
  if (threads.some(({ what }) => what.includes('module.register'))) return ADVICE_ON_WORKERS
  return threads.every(({ busy }) => busy)
    ? 'They may come to rest: `run` waits for that longer than `spawn`'
    : 'End these threads before cloning, or keep what starts them in another process'
}

const ADVICE_ON_WORKERS =
  'End these threads before cloning. For a loader (tsx, ts-node, tracing): compile first, or use `module.registerHooks()` or the type stripping of Node'
