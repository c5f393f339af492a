import { types } from 'node:util'
import { leave, leaveByError } from '../in-clone/exit.js'
import { calledInClones } from '../in-clone/precompile.js'
import { onReport } from '../in-clone/progress.js'
import { handlers } from '../observe/handlers.js'
import { type DetachableOptions, EXPECT_OF_DETACHABLE } from '../options/clone-options.js'
import { isInline } from '../options/settings.js'
import { expectFunction } from '../options/validate.js'
import { defaultPlaces, type Places } from '../parent/admission.js'
import { Guard } from '../parent/deadline.js'
import { forkNow, refused } from '../parent/fork-point.js'
import { openStdio, type Stdio } from '../parent/stdio.js'
import type { Callable } from '../types/callable.js'
import type { Clone } from '../types/clone.js'
import { typed } from '../types/errors.js'
import { spawnInline } from './inline/tasks.js'
import { type WithOptions, withOptions } from './with-options.js'

/** Exit status of a clone whose function returned anything but an integer from 0 to 255. */
const STATUS_OF_NO_STATUS = 255

/**
Forks now and returns immediately. The clone calls `f`, which must be synchronous, and exits.

- The exit status is the integer from 0 to 255 that `f` returns, 255 for any other value, and 1 if `f` throws, after
  printing the error.
- The call blocks the parent for the fork, and before that for at most `spawnTimeout` until its threads are idle.
- The clone's event loop does not continue: work that `f` queues does not run. Use {@link run} for that.

@throws {TypeError} if `f` is not a function, or is asynchronous or a generator function.
@throws {QcloneError} if the process cannot fork.

@example
```js
import { spawn } from 'node-qclone'

const trades = [{ size: 100 }, { size: 250 }]
const clone = spawn(() => {
  console.log(JSON.stringify(trades))
  return 0
})
console.log((await clone.exited).status) // 0
```
*/
export const spawn: WithOptions<DetachableOptions, Spawn> = spawnIn(defaultPlaces)

/** Creates {@link spawn} for these places. */
export function spawnIn(places: Places): WithOptions<DetachableOptions, Spawn> {
  return withOptions(EXPECT_OF_DETACHABLE, (options) => spawnWith(places, options))
}

/** Signature of {@link spawn}. */
export interface Spawn {
  <A extends unknown[]>(f: (...args: A) => unknown, ...args: A): Clone
  <A extends unknown[]>(call: readonly [f: (...args: A) => unknown, ...args: A]): Clone
}

function spawnWith(places: Places, options: DetachableOptions): Spawn {
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
    return forkFor(places, name, options, f) ?? callAndLeave(f, args)
  }
}

/** Forks. Returns undefined in the clone. */
function forkFor(places: Places, name: string, options: DetachableOptions, f: Callable): Clone | undefined {
  const task = { kind: 'spawn', name } as const
  const guard = new Guard(options, task)
  if (guard.triggered) throw refused(guard.error(), task)
  let stdio: Stdio
  try {
    places.takeNow()
    try {
      stdio = openStdio(options)
    } catch (error) {
      places.giveBack()
      throw error
    }
  } catch (error) {
    guard.release()
    throw refused(typed(error), task)
  }
  try {
    const clone = forkNow({ ...task, places, options, stdio, calls: [f] })
    if (!clone) return undefined
    guard.watch(clone)
    const release = () => guard.release()
    clone.exited.then(release, release)
    stdio.endWith(clone.exited)
    return clone
  } catch (error) {
    guard.release()
    places.giveBack()
    stdio.discard()
    throw error
  } finally {
    stdio.letGo()
  }
}

function callAndLeave<A extends unknown[]>(f: (...args: A) => unknown, args: A): never {
  handlers.inSpawn.call('spawn')
  // The parent of a `spawn` clone does not listen for progress.
  onReport(undefined)
  let status: number
  try {
    status = statusOf(f, args)
  } catch (error) {
    return leaveByError(error)
  }
  leave(status)
}

/** Calls `f` and returns the exit status for its value. */
function statusOf<A extends unknown[]>(f: (...args: A) => unknown, args: A): number {
  const result = f(...args)
  return isStatus(result) ? result : STATUS_OF_NO_STATUS
}

function isStatus(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= 255
}

calledInClones(callAndLeave, statusOf, isStatus)
