import { types } from 'node:util'
import { leavePlace, takePlaceNow } from './admission.js'
import type { Clone } from './children.js'
import { type Callable, calledInClones } from './clone-context/ahead.js'
import { leave, leaveByError } from './clone-context/leave.js'
import { typed } from './errors.js'
import { forkNow, refused } from './fork-point.js'
import { Guard } from './guard.js'
import { handlers } from './handlers.js'
import { spawnInline } from './inline.js'
import { type DetachableOptions, expectDetachableOptions } from './options.js'
import { onReport } from './report.js'
import { isInline } from './settings.js'
import { openStdio, type Stdio } from './stdio.js'
import { expectFunction } from './validate.js'

/** The exit status of a clone whose function returned anything but an integer from 0 to 255. */
const STATUS_OF_NO_STATUS = 255

/**
Forks now. The clone calls `f`, which is synchronous, and exits with the integer that it returns (anything but
an integer from 0 to 255: with 255; a throw: with 1, after the error was printed). The parent gets the clone at
once, standing still for the fork and, for at most `spawnWait` milliseconds, until V8's threads are at rest.

The clone's event loop does not go on: what `f` leaves queued is not run. `run` is for asynchronous functions.

@throws {TypeError} when `f` is no function, or an asynchronous one.
@throws {QcloneError} when there can be no fork.
*/
export const spawn: Spawn & {
  /**
  `spawn` with options.

  @throws {TypeError} or {@link RangeError} on an option that is unknown or of no use.
  */
  with(options: DetachableOptions): Spawn
} = Object.assign(spawnWith({}), {
  with(options: DetachableOptions): Spawn {
    expectDetachableOptions(options)
    return spawnWith(options)
  },
})

/** How {@link spawn} is called. */
export interface Spawn {
  <A extends unknown[]>(f: (...args: A) => unknown, ...args: A): Clone
  <A extends unknown[]>(call: readonly [f: (...args: A) => unknown, ...args: A]): Clone
}

function spawnWith(options: DetachableOptions): Spawn {
  return <A extends unknown[]>(
    first: ((...args: A) => unknown) | readonly [(...args: A) => unknown, ...A],
    ...rest: A
  ): Clone => {
    const call = Array.isArray(first) ? first : [first, ...rest]
    const [f, ...args] = call as [(...args: A) => unknown, ...A]
    expectFunction(f, 'f')
    if (types.isAsyncFunction(f) || types.isGeneratorFunction(f)) {
      throw new TypeError('Expected `f` to be a synchronous function: use `run` for an asynchronous one')
    }
    const { name = f.name } = options
    if (isInline()) return spawnInline(name, () => statusOf(f, args))
    return forkFor(name, options, f) ?? callAndLeave(f, args)
  }
}

/** Undefined in the clone. */
function forkFor(name: string, options: DetachableOptions, f: Callable): Clone | undefined {
  const task = { event: 'spawn', name } as const
  const guard = new Guard(options, task)
  if (guard.triggered) throw refused(guard.error(), task)
  let stdio: Stdio
  try {
    takePlaceNow()
    try {
      stdio = openStdio(options)
    } catch (error) {
      leavePlace()
      throw error
    }
  } catch (error) {
    guard.release()
    throw refused(typed(error), task)
  }
  try {
    const clone = forkNow({ ...task, options, stdio, calls: [f] })
    if (!clone) return undefined
    guard.watch(clone)
    const release = () => guard.release()
    clone.exited.then(release, release)
    stdio.endWith(clone.exited)
    return clone
  } catch (error) {
    guard.release()
    leavePlace()
    stdio.discard()
    throw error
  } finally {
    stdio.letGo()
  }
}

function callAndLeave<A extends unknown[]>(f: (...args: A) => unknown, args: A): never {
  handlers.inSpawn.call('spawn')
  // Nobody listens.
  onReport(undefined)
  let status: number
  try {
    status = statusOf(f, args)
  } catch (error) {
    return leaveByError(error)
  }
  leave(status)
}

/** The exit status of a clone that calls `f`. */
function statusOf<A extends unknown[]>(f: (...args: A) => unknown, args: A): number {
  const result = f(...args)
  return isStatus(result) ? result : STATUS_OF_NO_STATUS
}

function isStatus(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= 255
}

calledInClones(callAndLeave, statusOf, isStatus)
