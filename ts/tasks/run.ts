import { types } from 'node:util'
import { leave, onUncaught } from '../in-clone/exit.js'
import { calledInClones } from '../in-clone/precompile.js'
import { onReport } from '../in-clone/progress.js'
import { inTask } from '../in-clone/task-name.js'
import { native } from '../native.js'
import { uptimeMs } from '../node-internals/clock.js'
import { sign } from '../observe/diagnostics.js'
import { EXPECT_OF_RUN, type RunOptions } from '../options/clone-options.js'
import { isInline } from '../options/settings.js'
import { expectFunction } from '../options/validate.js'
import { defaultPlaces, type Places } from '../parent/admission.js'
import { closeFile, type Ends, failureAtEnd, type Launched, launch, prepare } from '../parent/launch.js'
import { NO_STREAMS, type Stdio } from '../parent/stdio.js'
import { discard } from '../parent/terminate.js'
import { KIND } from '../transport/frames.js'
import { decodeThrown, decodeValue, encodeThrown, encodeValue } from '../transport/messages.js'
import type { StandardStreams } from '../types/clone.js'
import { isQcloneError } from '../types/errors.js'
import { runInline } from './inline/tasks.js'
import { type WithOptions, withOptions } from './with-options.js'

/** Promise of a clone's answer, with the parent's ends of the standard streams that are pipes. */
export interface Running<T> extends Promise<T>, StandardStreams {}

/**
Forks at the end of this turn, runs `f` in the clone, and resolves to the value of `f`. The fork waits for this call's
turn and until the process's threads are idle; the parent keeps running. `f` can be asynchronous. The arguments are not
copied: `f` sees them, and everything else in memory, as they are at the fork.

@returns a promise of the value of `f`, which travels by structured clone. It rejects with the value `f` throws, or with
a {@link QcloneError} if the process cannot fork (`ERR_QCLONE_THREADS` and others), the clone ends without an answer
(`ERR_QCLONE_DIED`, with its wait status), or the value cannot travel (`ERR_QCLONE_UNSERIALIZABLE`).
@throws {TypeError} if `f` is not a function or is a generator function. Nothing else is thrown.

@example
```js
import { run } from 'node-qclone'

const trades = new Map([[1, { size: 100 }], [2, { size: 250 }]])
const count = await run.with({ timeout: 5000 })((minimum) => {
  return [...trades.values()].filter(({ size }) => size >= minimum).length
}, 200)
console.log(count) // 1
```
*/
export const run: WithOptions<RunOptions, Run> = runIn(defaultPlaces)

/** Creates {@link run} for these places. */
export function runIn(places: Places): WithOptions<RunOptions, Run> {
  return withOptions(
    EXPECT_OF_RUN,
    (options): Run =>
      (f, ...args) =>
        runWith(places, options, f, args),
  )
}

/** Signature of {@link run}. */
export type Run = <A extends unknown[], R>(f: (...args: A) => R, ...args: A) => Running<Awaited<R>>

function runWith<A extends unknown[], R>(
  places: Places,
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
    stdio = prepare({ kind: 'run', name }, options)
  } catch (error) {
    return Object.assign(Promise.reject(error), NO_STREAMS)
  }
  const inClone = (ends: Ends) => callInClone(f, args, ends, onProgress !== undefined)
  const launched = launch({
    places,
    kind: 'run',
    name,
    options,
    stdio,
    link: 'pipe and file',
    inClone,
    calls: [f],
  })
  const value = launched.then((clone) => settle(clone, options)) as Promise<Awaited<R>>
  return Object.assign(value, stdio.streams)
}

/** In the parent: waits for the outcome. */
async function settle(launched: Launched, { onProgress }: RunOptions): Promise<unknown> {
  const { clone, channel, file, guard } = launched
  const { kind, name, pid } = clone
  const begun = uptimeMs()
  try {
    return await new Promise((resolve, reject) => {
      const answered = (failed: boolean) =>
        sign('qclone:answered', { kind, name, pid, ms: uptimeMs() - begun, failed })
      channel.on('frame', (frame) => {
        // The clone is being terminated: its answer is too late.
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
          reject(isQcloneError(error) ? inTask(error, clone) : error)
          discard(clone)
        }
      })
      channel.on('close', () => {
        failureAtEnd('it answered', launched).then(reject, reject)
      })
      channel.resume()
    })
  } finally {
    guard.release()
    channel.destroy()
    closeFile(file)
  }
}

/** In the clone: calls `f` and returns to the event loop until there is an answer. */
function callInClone<A extends unknown[]>(
  f: (...args: A) => unknown,
  args: A,
  ends: Ends,
  reports: boolean,
): void {
  // Bound functions, since each clone would compile a nested function.
  const failed = fail.bind(undefined, ends)
  onUncaught(failed)
  onReport(reports ? sendProgress.bind(undefined, ends) : undefined)
  let value: unknown
  try {
    value = f(...args)
  } catch (error) {
    failed(error)
  }
  if (isThenable(value)) Promise.resolve(value).then(succeed.bind(undefined, ends), failed)
  else succeed(ends, value)
}

function sendProgress({ fd }: Ends, value: unknown): void {
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
    // The parent has ended, or has given up on this clone.
    leave(1)
  }
  return leave(status)
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (typeof value === 'object' || typeof value === 'function') && value !== null && 'then' in value
}

calledInClones(callInClone, sendProgress, succeed, fail, answer, isThenable)
