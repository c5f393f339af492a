import { writeSync } from 'node:fs'
import { inspect } from 'node:util'
import { nextTick } from '../clock.js'
import { claimLoopEnd } from '../copies.js'
import { native } from '../native.js'
import { process } from '../node.js'
import { isError } from '../thrown.js'
import { calledInClones } from './ahead.js'
import { hold } from './hold.js'
import { hasTimers } from './timers.js'

/** The status of a node that ended while a promise it waited for was pending. */
const STATUS_OF_UNSETTLED = 13

/** The status of a node that ended by an error. */
export const STATUS_OF_ERROR = 1

/**
Ends this clone as `process.exit` ends a process: the clone's own `exit` listeners run.

Always by `_exit`: node's own way out joins threads that a clone does not have. And always: a listener that
throws must not let the clone return into its parent's frames.
*/
export function leave(status: number): never {
  try {
    // As in node, an error on the way out does not change where it leads.
    exit(isLeaving() ? statusOnTheWay() : status)
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

/** Whether `exit` has been emitted. Node has no other word for it. */
function isLeaving(): boolean {
  return Boolean((process as { _exiting?: boolean })._exiting)
}

/** The status of a process that is leaving. */
function statusOnTheWay(): number {
  return Number(process.exitCode ?? 0)
}

/** Prints an error as node prints an uncaught one. */
export function reportError(error: unknown): void {
  try {
    writeSync(2, `${isError(error) ? inspect(error) : `Uncaught:\n${inspect(error)}`}\n`)
  } catch {
    // Nobody reads stderr, or the error cannot be shown. The status tells of it.
  }
}

let uncaught: (error: unknown) => never = leaveByError

/**
Says what becomes of an error that nobody caught. Default: {@link leaveByError}. It leaves, too: `exit` has been
emitted by then.
*/
export function onUncaught(handle: (error: unknown) => never): void {
  uncaught = handle
}

/** What node's C++ calls with an error that nobody caught. When nobody handles it either, it leaves by node's own way. */
interface LastResort {
  _fatalException: (error: unknown, fromPromise: boolean) => boolean
}

/**
Makes every way out of the clone end in `_exit`.

What the parent has put over Node's own (test runners over `process.exit`, `signal-exit` over `process.emit` and
`process.reallyExit`, `source-map-support`) would run its hooks, or keep the clone from leaving. The clone's code may put its
own there again.
*/
export function leaveByItself(): void {
  uncaught = leaveByError
  waitsForAllTimers = false
  putBack('exit', exit)
  guardReallyExit()
  // Where test libraries fake it, no stream of Node's comes to an end.
  if (process.nextTick !== nextTick) putBack('nextTick', nextTick)
  // Node's is inherited.
  hold(process.emit)
  Reflect.deleteProperty(process, 'emit')
  // Not a listener of `uncaughtException`: the clone's own code may count those, and remove them all.
  lastResort._fatalException = (error, fromPromise) => {
    let handled: boolean
    try {
      handled = ofNode(error, fromPromise)
    } catch (thrown) {
      // Whoever handled it failed. Node then leaves without a word to the `exit` listeners.
      Object.assign(process, { _exiting: true, exitCode: STATUS_OF_ERROR_IN_HANDLER })
      uncaught(thrown)
      return true
    }
    if (!handled) uncaught(error)
    return handled
  }
}

let waitsForAllTimers = false

/** In a clone: lets timers without a reference keep it alive, too, as they do in a server, which goes on anyway. */
export function waitForAllTimers(): void {
  waitsForAllTimers = true
}

/** In the parent: says what becomes of a clone whose event loop has nothing left to do. */
export function prepareLeaving(): void {
  claimLoopEnd(() =>
    native().onLoopEnd(
      () => {
        isAtEnd = !(waitsForAllTimers && hasTimers())
        if (isAtEnd) process.emit('beforeExit', Number(process.exitCode ?? 0))
      },
      () => {
        if (!isAtEnd) return
        exit(process.exitCode ?? STATUS_OF_UNSETTLED)
        // The clone's own code has put something over the way out.
        reallyExit(statusOnTheWay())
      },
    ),
  )
}

let isAtEnd = false

/** `process.exit`, as in lib/internal/process/per_thread.js: Node's own may be out of reach. */
function exit(...status: [code?: typeof process.exitCode]): void {
  if (status.length > 0) process.exitCode = status[0]
  if (!isLeaving()) {
    Object.assign(process, { _exiting: true })
    process.emit('exit', statusOnTheWay())
  }
  // Not by its name. What stands there may end in Node's own, which joins threads that a clone does not have:
  // signal-exit calls the one that it found in the parent, and puts it back when it has no hooks left.
  reallyExit(statusOnTheWay())
}

/** What `process.exit` ends in. */
function reallyExit(status: number): void {
  native().exitNow(status & 0xff)
}

/** Whoever puts Node's own back, as it was found in the parent, gets the clone's. */
function guardReallyExit(): void {
  let current: unknown = reallyExit
  hold(Reflect.getOwnPropertyDescriptor(process, 'reallyExit'))
  Reflect.defineProperty(process, 'reallyExit', {
    get: () => current,
    set: (value: unknown) => {
      current = isOfNode(value) ? reallyExit : value
    },
    configurable: true,
    enumerable: true,
  })
}

function isOfNode(value: unknown): boolean {
  return typeof value === 'function' && Function.prototype.toString.call(value).includes('[native code]')
}

/** Not by an assignment, which an accessor in its place would get. */
function putBack(name: string, value: unknown): void {
  hold(Reflect.getOwnPropertyDescriptor(process, name))
  Reflect.defineProperty(process, name, { value, configurable: true, writable: true, enumerable: true })
}

const lastResort = process as unknown as LastResort
const ofNode = lastResort._fatalException

/** The status of a node whose handler of uncaught errors threw. */
const STATUS_OF_ERROR_IN_HANDLER = 7

calledInClones(
  leave,
  isLeaving,
  statusOnTheWay,
  reallyExit,
  leaveByItself,
  onUncaught,
  exit,
  putBack,
  guardReallyExit,
  isOfNode,
  // Node's own, which it has not compiled ahead in every version.
  ...['exitCode', '_exiting'].flatMap((name) => {
    const { get, set } = Object.getOwnPropertyDescriptor(process, name) ?? {}
    return [get, set].filter((accessor) => accessor !== undefined)
  }),
)
