import { types } from 'node:util'
import type { Clone } from './children.js'
import { leave, leaveByError } from './clone-context/leave.js'
import { forkNow } from './fork-point.js'
import { handlers } from './handlers.js'
import { expectSpawnOptions, type SpawnOptions } from './options.js'
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
  with(options: SpawnOptions): Spawn
} = Object.assign(spawnWith({}), {
  with(options: SpawnOptions): Spawn {
    expectSpawnOptions(options)
    return spawnWith(options)
  },
})

/** How {@link spawn} is called. */
export interface Spawn {
  <A extends unknown[]>(f: (...args: A) => unknown, ...args: A): Clone
  <A extends unknown[]>(call: readonly [f: (...args: A) => unknown, ...args: A]): Clone
}

function spawnWith(options: SpawnOptions): Spawn {
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
    return forkNow('spawn', options) ?? inClone(f, args)
  }
}

function inClone<A extends unknown[]>(f: (...args: A) => unknown, args: A): never {
  handlers.inSpawn.call('spawn')
  let result: unknown
  try {
    result = f(...args)
  } catch (error) {
    leaveByError(error)
  }
  leave(isStatus(result) ? result : STATUS_OF_NO_STATUS)
}

function isStatus(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= 255
}
