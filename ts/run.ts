import { type Answer, encodeError, encodeValue, receiveAnswer } from './answer.js'
import type { Clone } from './children.js'
import { leave, onUncaught } from './clone-context/leave.js'
import { findTimers } from './clone-context/timers.js'
import { fromFailure, QcloneError } from './errors.js'
import { forkAtTurnEnd, refused } from './fork-point.js'
import { handlers } from './handlers.js'
import { native } from './native.js'
import { type CloneOptions, expectCloneOptions } from './options.js'
import { expectFunction } from './validate.js'
import { inWords } from './wait-status.js'

/**
Forks at the end of this turn, or as soon after as V8's threads are at rest. The clone calls `f`, synchronous or
not, with its own event loop; the parent goes on. The arguments are not copied: `f` sees them, and all else, as
they were at the fork.

@returns a promise of the value of `f`, which travels by structured clone. It rejects with what `f` threw, or
with a {@link QcloneError} when there could be no fork (`ERR_QCLONE_THREADS` and others), the clone ended without
an answer (`ERR_QCLONE_DIED`, with its wait status), or the value cannot travel (`ERR_QCLONE_UNSERIALIZABLE`).
@throws {TypeError} when `f` is no function; nothing else is thrown.
*/
export const run: Run & {
  /**
  `run` with options.

  @throws {TypeError} or {@link RangeError} on an option that is unknown or of no use.
  */
  with(options: CloneOptions): Run
} = Object.assign(((f, ...args) => runWith({}, f, args)) as Run, {
  with(options: CloneOptions): Run {
    expectCloneOptions(options)
    return (f, ...args) => runWith(options, f, args)
  },
})

/** How {@link run} is called. */
export type Run = <A extends unknown[], R>(f: (...args: A) => R, ...args: A) => Promise<Awaited<R>>

function runWith<A extends unknown[], R>(
  options: CloneOptions,
  f: (...args: A) => R,
  args: A,
): Promise<Awaited<R>> {
  expectFunction(f, 'f')
  return new Promise((resolve, reject) => {
    findTimers()
    const { ends, failure } = native().openPipe()
    if (failure) throw refused(fromFailure(failure), 'run')
    const [readEnd, writeEnd] = ends as [number, number]
    const begin = (clone: Clone | undefined) => {
      if (!clone) {
        native().closePipeEnd(readEnd)
        return inClone(f, args, writeEnd)
      }
      native().closePipeEnd(writeEnd)
      settle(clone, readEnd).then(resolve as (value: unknown) => void, reject)
    }
    const refuse = (error: QcloneError) => {
      for (const fd of [readEnd, writeEnd]) native().closePipeEnd(fd)
      reject(error)
    }
    forkAtTurnEnd('run', options, writeEnd, begin, refuse)
  })
}

/** In the parent: what came of it. */
async function settle(clone: Clone, readEnd: number): Promise<unknown> {
  const answer: Answer | undefined = await receiveAnswer(readEnd, clone)
  if (!answer) {
    const status = await clone.exited
    const message = `clone ${clone.pid} ${inWords(status)} before it answered`
    throw new QcloneError('ERR_QCLONE_DIED', message, { status })
  }
  if ('error' in answer) throw answer.error
  return answer.value
}

/** In the clone: calls `f`, and returns to the event loop until there is an answer. */
function inClone<A extends unknown[]>(f: (...args: A) => unknown, args: A, writeEnd: number): void {
  const answer = (message: Uint8Array, status: number): never => {
    try {
      native().writeAll(writeEnd, message)
    } catch {
      // The parent has gone, or no longer listens.
      leave(1)
    }
    return leave(status)
  }
  const fail = (error: unknown) => answer(encodeError(error), 1)
  const succeed = (value: unknown) => {
    let message: Uint8Array
    try {
      message = encodeValue(value)
    } catch (error) {
      return fail(error)
    }
    return answer(message, 0)
  }
  onUncaught(fail)
  handlers.inSpawn.call('run')
  let value: unknown
  try {
    value = f(...args)
  } catch (error) {
    fail(error)
  }
  if (isThenable(value)) Promise.resolve(value).then(succeed, fail)
  else succeed(value)
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (typeof value === 'object' || typeof value === 'function') && value !== null && 'then' in value
}
