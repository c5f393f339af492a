import { writeSync } from 'node:fs'
import { inspect } from 'node:util'
import { native } from '../native.js'

/** The status of a node that ended while a promise it waited for was pending. */
const STATUS_OF_UNSETTLED = 13

/** The status of a node that ended by an error. */
const STATUS_OF_ERROR = 1

/**
Ends this clone as `process.exit` ends a process: the clone's own `exit` listeners run.

Always by `_exit`: node's own way out joins threads that a clone does not have. And always: a listener that
throws must not let the clone return into its parent's frames.
*/
export function leave(status: number): never {
  try {
    process.exit(status)
  } catch (error) {
    report(error)
  }
  return native().exitNow(STATUS_OF_ERROR) as never
}

/** Ends this clone as an uncaught error ends a process. */
export function leaveByError(error: unknown): never {
  report(error)
  return leave(STATUS_OF_ERROR)
}

/** Prints an error as node prints an uncaught one. */
function report(error: unknown): void {
  try {
    writeSync(2, `${error instanceof Error ? inspect(error) : `Uncaught:\n${inspect(error)}`}\n`)
  } catch {
    // Nobody reads stderr, or the error cannot be shown. The status tells of it.
  }
}

let uncaught: (error: unknown) => void = leaveByError

/** Says what becomes of an error that nobody caught. Default: {@link leaveByError}. */
export function onUncaught(handle: (error: unknown) => void): void {
  uncaught = handle
}

/** Makes every way out of the clone end in `_exit`. */
export function leaveByItself(): void {
  const exitNow = native().exitNow
  uncaught = leaveByError
  Object.assign(process, { reallyExit: (status: number) => exitNow(status & 0xff) })
  process.on('uncaughtException', (error) => {
    // A listener that the clone's own code has set comes in place of this one.
    if (process.listenerCount('uncaughtException') > 1) return
    uncaught(error)
  })
  native().onLoopEnd(() => {
    process.emit('beforeExit', Number(process.exitCode ?? 0))
    if (native().loopIsAlive()) return
    process.exit(process.exitCode ?? STATUS_OF_UNSETTLED)
  })
}
