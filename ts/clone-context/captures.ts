import { process } from '../node.js'
import { calledInClones } from './ahead.js'
import { hold } from './hold.js'
import { readScope } from './scope.js'

/** Callbacks that take uncaught errors before any listener does, such as a REPL's. Since Node 26. */
let callbacks: unknown[] | undefined

/**
Finds them, in the parent and once: there is no way to take one out. They are a variable of
lib/internal/process/execution.js.

@throws {Error} when it is not there, or there is no inspector.
*/
export function findCaptures(): void {
  const { addUncaughtExceptionCaptureCallback: add } = process as {
    addUncaughtExceptionCaptureCallback?: () => void
  }
  if (callbacks || !add) return
  const { exceptionHandlerState } = readScope(add, ['exceptionHandlerState'])
  callbacks = (exceptionHandlerState as { auxiliaryCallbacks: unknown[] }).auxiliaryCallbacks
}

/** In a clone: takes out the parent's. */
export function dropCaptures(): void {
  if (callbacks) hold(callbacks.splice(0))
}

calledInClones(dropCaptures)
