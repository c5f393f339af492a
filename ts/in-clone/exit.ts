import { Buffer } from 'node:buffer'
import { EventEmitter } from 'node:events'
import { writeSync } from 'node:fs'
import { inspect } from 'node:util'
import { claimLoopEnd } from '../copies/registry.js'
import { native } from '../native.js'
import { nextTick, setTimeout } from '../node-internals/clock.js'
import { process } from '../node-internals/process.js'
import {
  accessorsOfExit,
  FATAL_EXCEPTION,
  fatalException,
  isExiting,
  markExiting,
  REALLY_EXIT,
} from '../node-internals/process-exit.js'
import { sourceOf } from '../node-internals/source.js'
import { hasTimers } from '../node-internals/timers.js'
import type { Callable } from '../types/callable.js'
import { isError } from '../types/is-error.js'
import { hold, redefine } from './hold.js'
import { calledInClones, rehearseForClones } from './precompile.js'

/** Exit status of Node when its event loop ends while the main module waits for a promise. */
const STATUS_OF_UNSETTLED = 13

/** Exit status of Node after an uncaught error. */
export const STATUS_OF_ERROR = 1

/**
Ends this clone as `process.exit` ends a process: the clone's own `exit` listeners run.

Always uses `_exit`, since Node's own exit joins threads that a clone does not have. Never returns, even if a listener
throws: the callers are the parent's code.
*/
export function leave(status: number): never {
  try {
    // As in Node, an error in an `exit` listener does not stop the exit.
    exit(isExiting() ? statusOnTheWay() : status)
  } catch (error) {
    reportError(error)
  }
  return native().exitNow(statusOnTheWay() & 0xff) as never
}

/** Ends this clone as an uncaught error ends a process. */
export function leaveByError(error: unknown): never {
  reportError(error)
  return leave(STATUS_OF_ERROR)
}

/**
Ends this clone when its event loop has nothing left to do, so that handlers can finish, and at the latest after
`withinMs`. A later call can shorten the time.
*/
export function leaveWhenDone(withinMs: number): void {
  process.exitCode ??= 0
  setTimeout(() => leave(statusOnTheWay()), Math.max(0, withinMs)).unref()
  native().holdLoop(false)
}

/** Returns the exit status of a process that is exiting. */
function statusOnTheWay(): number {
  return Number(process.exitCode ?? 0)
}

/** Prints an error as Node prints an uncaught one. */
export function reportError(error: unknown): void {
  try {
    writeSync(2, `${isError(error) ? inspect(error) : `Uncaught:\n${inspect(error)}`}\n`)
  } catch {
    // stderr is closed, or the error cannot be inspected. The exit status still shows the failure.
  }
}

/** Node's own method, taken before others patch the prototype. */
const { emit } = EventEmitter.prototype

let uncaught: (error: unknown) => never = leaveByError

/**
Sets the function called with an uncaught error, {@link leaveByError} by default. It must exit: `exit` may have been
emitted by then.
*/
export function onUncaught(handle: (error: unknown) => never): void {
  uncaught = handle
}

/**
Makes every exit of the clone end in `_exit`.

The parent's replacements (of `process.exit` by test runners, of `process.emit` and `process.reallyExit` by
`signal-exit`, those of `source-map-support`) would run the parent's hooks, or keep the clone from exiting. The clone's
code can install its own again.
*/
export function leaveByItself(): void {
  uncaught = leaveByError
  waitsForAllTimers = false
  putBack('exit', exit)
  guardReallyExit()
  // If a test library has faked it, no Node stream ever ends.
  if (process.nextTick !== nextTick) putBack('nextTick', nextTick)
  // Uncovers the prototype's method, which is Node's unless the prototype has been patched.
  hold(process.emit)
  Reflect.deleteProperty(process, 'emit')
  if (process.emit !== emit) putBack('emit', emit)
  // Not a listener of `uncaughtException`: the clone's code may count those, or remove them all.
  putBack(FATAL_EXCEPTION, (error: unknown, fromPromise: boolean) => {
    try {
      return handleFatal(error, fromPromise)
    } catch (thrown) {
      // Node's C++ calls this and ends by a signal if it throws. It throws only in clones that have broken JavaScript's
      // built-in functions, so this calls only what it needs.
      reportError(error)
      reportError(thrown)
      native().exitNow(STATUS_OF_ERROR_IN_HANDLER)
      return true
    }
  })
}

/** Implements `process._fatalException`: returns whether the clone has handled the error, or does not return. */
function handleFatal(error: unknown, fromPromise: boolean): boolean {
  let handled: boolean
  try {
    handled = fatalException(error, fromPromise)
  } catch (thrown) {
    // The handler threw. Node then exits without emitting `exit`.
    markExiting()
    process.exitCode = STATUS_OF_ERROR_IN_HANDLER
    uncaught(thrown)
    return true
  }
  if (!handled) uncaught(error)
  return handled
}

let waitsForAllTimers = false

/** In a clone: lets unreferenced timers keep it alive too, since they also fire in a server, which keeps running. */
export function waitForAllTimers(): void {
  waitsForAllTimers = true
}

/** In the parent: registers what a clone does when its event loop has nothing left to do. */
export function prepareLeaving(): void {
  claimLoopEnd(() =>
    native().onLoopEnd(
      () => {
        isAtEnd = !(waitsForAllTimers && hasTimers())
        if (!isAtEnd) return
        // As in Node, which calls them before it emits the event.
        native().runDestroyHooks()
        process.emit('beforeExit', Number(process.exitCode ?? 0))
      },
      () => {
        if (!isAtEnd) return
        exit(process.exitCode ?? STATUS_OF_UNSETTLED)
        // Still here: the clone's code has replaced `process.reallyExit`.
        reallyExit(statusOnTheWay())
      },
    ),
  )
}

let isAtEnd = false

/** Implements `process.exit`, as in lib/internal/process/per_thread.js: Node's own may be out of reach. */
function exit(...status: [code?: typeof process.exitCode]): void {
  if (status.length > 0) process.exitCode = status[0]
  if (!isExiting()) {
    markExiting()
    process.emit('exit', statusOnTheWay())
  }
  // Not `process.reallyExit`: a replacement may call Node's own, which joins threads that a clone does not have.
  // signal-exit calls the one it found in the parent, and restores it when it has no hooks left.
  reallyExit(statusOnTheWay())
}

/** Implements `process.reallyExit`, which `process.exit` calls last. */
function reallyExit(status: number): void {
  native().exitNow(status & 0xff)
}

/** Makes restoring Node's `process.reallyExit`, as found in the parent, restore the clone's instead. */
function guardReallyExit(): void {
  let current: unknown = reallyExit
  redefine(process, REALLY_EXIT, {
    get: () => current,
    set: (value: unknown) => {
      current = isOfNode(value) ? reallyExit : value
    },
  })
}

function isOfNode(value: unknown): boolean {
  return typeof value === 'function' && sourceOf(value as Callable).includes('[native code]')
}

/** Restores a property of the process. */
function putBack(name: string, value: unknown): void {
  redefine(process, name, { value, writable: true })
}

/** Exit status of Node when a handler of uncaught errors throws. */
const STATUS_OF_ERROR_IN_HANDLER = 7

calledInClones(
  leave,
  leaveWhenDone,
  isExiting,
  markExiting,
  statusOnTheWay,
  reallyExit,
  leaveByItself,
  handleFatal,
  onUncaught,
  exit,
  putBack,
  guardReallyExit,
  isOfNode,
  ...accessorsOfExit(),
)

const NOTHING = Buffer.alloc(0)

// Calls Node's function that checks an integer, which the setter of `exitCode` calls in a clone. No API exposes it.
rehearseForClones(() => void NOTHING.compare(NOTHING, 0))
