import type { ForkFailure } from '../../binding.cjs'
import { brand } from './brand.js'
import type { WaitStatus } from './wait-status.js'

/**
Stable code of a {@link QcloneError}. Match on it, since messages can change.

- `ERR_QCLONE_ABORTED`: `signal` or `stopAll` ended the task or request; the `cause` is the signal's reason.
- `ERR_QCLONE_ACCESS`: a kdb+ server closed the connection at login.
- `ERR_QCLONE_CONNECTION`: there is no connection to a kdb+ server, or it was closed too early; see
  {@link QcloneError.errno}.
- `ERR_QCLONE_DIED`: the clone ended without an answer; see {@link QcloneError.status}.
- `ERR_QCLONE_FORK`: the system refused the fork or something it needs; see {@link QcloneError.errno}.
- `ERR_QCLONE_HANDLE_UNAVAILABLE`: a handle in `keep` is closed or has writes pending.
- `ERR_QCLONE_MEMORY`: there may not be enough memory for a clone.
- `ERR_QCLONE_PROC_UNREADABLE`: `/proc` cannot be read, so nothing is known about the threads.
- `ERR_QCLONE_QUEUE_FULL`: `maxClones` clones are alive and `maxQueue` calls wait.
- `ERR_QCLONE_READ_ONLY`: a reader tried to change what only the parent may change; see `parentOnly`.
- `ERR_QCLONE_START_FAILED`: two clones were made and neither got as far as calling the function.
- `ERR_QCLONE_THREADS`: threads prevent the fork; see {@link QcloneError.threads}.
- `ERR_QCLONE_TIMEOUT`: the clone or request was ended at its `timeout`.
- `ERR_QCLONE_UNSERIALIZABLE`: a value cannot travel to another process; see {@link QcloneError.path}.
- `ERR_QCLONE_UNSUPPORTED`: this system, thread or Node cannot clone, or the native part threw; the `cause` is that error.
*/
export type ErrorCode =
  | 'ERR_QCLONE_ABORTED'
  | 'ERR_QCLONE_ACCESS'
  | 'ERR_QCLONE_CONNECTION'
  | 'ERR_QCLONE_DIED'
  | 'ERR_QCLONE_FORK'
  | 'ERR_QCLONE_HANDLE_UNAVAILABLE'
  | 'ERR_QCLONE_MEMORY'
  | 'ERR_QCLONE_PROC_UNREADABLE'
  | 'ERR_QCLONE_QUEUE_FULL'
  | 'ERR_QCLONE_READ_ONLY'
  | 'ERR_QCLONE_START_FAILED'
  | 'ERR_QCLONE_THREADS'
  | 'ERR_QCLONE_TIMEOUT'
  | 'ERR_QCLONE_UNSERIALIZABLE'
  | 'ERR_QCLONE_UNSUPPORTED'

/** Thread of this process that prevents a fork. */
export interface ThreadInTheWay {
  /** Thread id. */
  readonly tid: number
  /** Name of the thread, as `ps -L` shows it. */
  readonly name: string
  /** File whose code the thread runs: the `.node` or `.so` to look for. */
  readonly module: string | undefined
  /** Whether the thread may become idle by itself. */
  readonly busy: boolean
  /** Kind of thread, in words. */
  readonly what: string
}

/** Properties of an error besides its code and message. */
export interface ErrorDetails {
  /** Underlying error, or the reason of the `AbortSignal`. */
  cause?: unknown
  /** Wait status of the clone. */
  status?: WaitStatus
  /** Threads in the way. */
  threads?: readonly ThreadInTheWay[]
  /** The system's name for the error, such as `EAGAIN`. */
  errno?: string
  /** Part of the value that cannot travel. */
  path?: string
}

/** Names that other code looks for on errors of any library. */
const NAME_OF_CODE: Partial<Record<ErrorCode, 'AbortError' | 'TimeoutError'>> = {
  ERR_QCLONE_ABORTED: 'AbortError',
  ERR_QCLONE_TIMEOUT: 'TimeoutError',
}

/**
Error class of this package, for every error that is not about an argument. `instanceof` also accepts errors of another
copy of the package, like {@link isQcloneError}.

@example
```ts
import { QcloneError, run } from 'node-qclone'

try {
  await run.with({ timeout: 5000 })(() => 42)
} catch (error) {
  if (error instanceof QcloneError) console.error(error.code, error.status)
}
```
*/
export class QcloneError extends Error {
  /** `AbortError` for `ERR_QCLONE_ABORTED`, `TimeoutError` for `ERR_QCLONE_TIMEOUT`, otherwise `QcloneError`. */
  override readonly name: 'AbortError' | 'QcloneError' | 'TimeoutError'
  /** Stable code. */
  readonly code: ErrorCode
  /** Wait status of the clone, if one was made. */
  readonly status: WaitStatus | undefined
  /** Threads in the way, with `ERR_QCLONE_THREADS`. */
  readonly threads: readonly ThreadInTheWay[]
  /** The system's name for the error, such as `EAGAIN`, with `ERR_QCLONE_FORK` and `ERR_QCLONE_CONNECTION`. */
  readonly errno: string | undefined
  /** Part of the value that cannot travel, such as `value.rows[3].get`, with `ERR_QCLONE_UNSERIALIZABLE`. */
  readonly path: string | undefined

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, 'cause' in details ? { cause: details.cause } : undefined)
    this.name = NAME_OF_CODE[code] ?? 'QcloneError'
    this.code = code
    this.status = details.status
    this.threads = details.threads ?? []
    this.errno = details.errno
    this.path = details.path
  }
}

/**
Returns whether `value` is a {@link QcloneError}, of this copy of the package or of another one in the process.

@example
```ts
import { isQcloneError, run } from 'node-qclone'

const error = await run(() => process.exit(3)).catch((error) => error)
if (isQcloneError(error)) console.error(error.code, error.status?.status) // ERR_QCLONE_DIED 3
```
*/
export const isQcloneError = brand(QcloneError, 'QcloneError')

const CODE_OF_KIND: Partial<Record<ForkFailure['kind'], ErrorCode>> = {
  threads: 'ERR_QCLONE_THREADS',
  proc: 'ERR_QCLONE_PROC_UNREADABLE',
  mainThread: 'ERR_QCLONE_UNSUPPORTED',
  unsupported: 'ERR_QCLONE_UNSUPPORTED',
}

/** Converts a failed fork to an error. */
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
    code === 'ERR_QCLONE_THREADS'
      ? `${failure.message}. ${adviceOnThreads(failure.threads)}`
      : failure.message
  return new QcloneError(code, message, { threads, ...(failure.errno && { errno: failure.errno }) })
}

/**
Converts `error` to a {@link QcloneError}. Any other error was thrown by the native part or by Node, because something
differs from what this version of the package knows.
*/
export function typed(error: unknown): QcloneError {
  if (isQcloneError(error)) return error
  const why = error instanceof Error ? error.message : String(error)
  return new QcloneError('ERR_QCLONE_UNSUPPORTED', `no clone was made: ${why}`, { cause: error })
}

function adviceOnThreads(threads: ForkFailure['threads']): string {
  if (threads.some(({ isWorker }) => isWorker)) return ADVICE_ON_WORKERS
  return threads.every(({ busy }) => busy)
    ? 'They may become idle: raise `forkTimeout` for `run`, or `spawnTimeout` for `spawn`'
    : 'End these threads before cloning, or move the code that starts them to another process'
}

const ADVICE_ON_WORKERS =
  "End these threads before cloning. For a loader (tsx, ts-node, tracing): compile first, or use `module.registerHooks()` or Node's type stripping"
