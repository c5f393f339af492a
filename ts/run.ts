import { types } from 'node:util'
import { uptimeMs } from './clock.js'
import { calledInClones } from './clone-context/ahead.js'
import { leave, onUncaught } from './clone-context/leave.js'
import { decodeThrown, decodeValue, encodeThrown, encodeValue } from './delivery.js'
import { QcloneError } from './errors.js'
import { KIND } from './frames.js'
import { discard } from './guard.js'
import { runInline } from './inline.js'
import { closeFile, diedBefore, type Ends, type Launched, launch, prepare } from './launch.js'
import { native } from './native.js'
import { expectRunOptions, type RunOptions } from './options.js'
import { onReport } from './report.js'
import { isInline } from './settings.js'
import { sign } from './signs.js'
import { NO_STREAMS, type StandardStreams, type Stdio } from './stdio.js'
import { inTask } from './task-name.js'
import { expectFunction } from './validate.js'

/** The promise of a clone's answer, with the parent's ends of those standard streams that are pipes. */
export interface Running<T> extends Promise<T>, StandardStreams {}

/**
Forks at the end of this turn, or as soon after as it is this call's turn and V8's threads are at rest. The clone
calls `f`, synchronous or not, with its own event loop; the parent goes on. The arguments are not copied: `f` sees
them, and all else, as they were at the fork.

@returns a promise of the value of `f`, which travels by structured clone. It rejects with what `f` threw, or
with a {@link QcloneError} when there could be no fork (`ERR_QCLONE_THREADS` and others), the clone ended without
an answer (`ERR_QCLONE_DIED`, with its wait status), or the value cannot travel (`ERR_QCLONE_UNSERIALIZABLE`).
@throws {TypeError} when `f` is no function, or a generator function; nothing else is thrown.
*/
export const run: Run & {
  /**
  `run` with options.

  @throws {TypeError} or {@link RangeError} on an option that is unknown or of no use.
  */
  with(options: RunOptions): Run
} = Object.assign(((f, ...args) => runWith({}, f, args)) as Run, {
  with(options: RunOptions): Run {
    expectRunOptions(options)
    return (f, ...args) => runWith(options, f, args)
  },
})

/** How {@link run} is called. */
export type Run = <A extends unknown[], R>(f: (...args: A) => R, ...args: A) => Running<Awaited<R>>

function runWith<A extends unknown[], R>(
  options: RunOptions,
  f: (...args: A) => R,
  args: A,
): Running<Awaited<R>> {
  expectFunction(f, 'f')
  if (types.isGeneratorFunction(f)) {
    throw new TypeError('Expected `f` to be a function that returns its value: use `stream` for a generator')
  }
  if (isInline()) return Object.assign(runInline(options, f, args), NO_STREAMS)
  const { name = f.name, onProgress } = options
  let stdio: Stdio
  try {
    stdio = prepare({ event: 'run', name }, options)
  } catch (error) {
    return Object.assign(Promise.reject(error), NO_STREAMS)
  }
  const inClone = (ends: Ends) => callInClone(f, args, ends, onProgress !== undefined)
  const launched = launch({ event: 'run', name, options, stdio, link: 'pipe and file', inClone, calls: [f] })
  const value = launched.then((clone) => settle(clone, options)) as Promise<Awaited<R>>
  return Object.assign(value, stdio.streams)
}

/** In the parent: what came of it. */
async function settle(launched: Launched, { onProgress }: RunOptions): Promise<unknown> {
  const { clone, channel, file, guard } = launched
  const { event, name, pid } = clone
  const begun = uptimeMs()
  try {
    return await new Promise((resolve, reject) => {
      const answered = (failed: boolean) =>
        sign('qclone:answered', { event, name, pid, ms: uptimeMs() - begun, failed })
      channel.on('frame', (frame) => {
        // What it tells while it is being ended is too late.
        if (guard.triggered) return
        try {
          if (frame.kind === KIND.report) {
            onProgress?.(decodeValue(frame))
          } else if (frame.kind === KIND.value) {
            resolve(decodeValue(frame, file))
            answered(false)
          } else {
            reject(decodeThrown(frame))
            answered(true)
          }
        } catch (error) {
          reject(error instanceof QcloneError ? inTask(error, clone) : error)
          discard(clone)
        }
      })
      channel.on('close', () => {
        guard.exited.then(
          (status) =>
            reject(guard.triggered ? guard.error(status) : diedBefore('it answered', launched, status)),
          reject,
        )
      })
      channel.resume()
    })
  } finally {
    guard.release()
    channel.destroy()
    closeFile(file)
  }
}

/** In the clone: calls `f`, and returns to the event loop until there is an answer. */
function callInClone<A extends unknown[]>(
  f: (...args: A) => unknown,
  args: A,
  ends: Ends,
  reports: boolean,
): void {
  // Bound: what is written within a function each clone compiles.
  const failed = fail.bind(undefined, ends)
  onUncaught(failed)
  onReport(reports ? tellProgress.bind(undefined, ends) : undefined)
  let value: unknown
  try {
    value = f(...args)
  } catch (error) {
    failed(error)
  }
  if (isThenable(value)) Promise.resolve(value).then(succeed.bind(undefined, ends), failed)
  else succeed(ends, value)
}

function tellProgress({ fd }: Ends, value: unknown): void {
  native().writeAll(fd, encodeValue(KIND.report, value))
}

function succeed(ends: Ends, value: unknown): never {
  let message: Uint8Array
  try {
    message = encodeValue(KIND.value, value, ends.file)
  } catch (error) {
    return fail(ends, error)
  }
  return answer(ends, message, 0)
}

function fail(ends: Ends, error: unknown): never {
  return answer(ends, encodeThrown(error), 1)
}

function answer({ fd }: Ends, message: Uint8Array, status: number): never {
  try {
    native().writeAll(fd, message)
  } catch {
    // The parent has gone, or no longer listens.
    leave(1)
  }
  return leave(status)
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (typeof value === 'object' || typeof value === 'function') && value !== null && 'then' in value
}

calledInClones(callInClone, tellProgress, succeed, fail, answer, isThenable)
