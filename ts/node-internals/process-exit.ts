import type { Callable } from '../types/callable.js'
import { QcloneError } from '../types/errors.js'
import { readScope } from './closure-variables.js'
import { expectFact } from './fact.js'
import { process } from './process.js'

/** Undocumented members of the process for its exit. */
interface Internals {
  /** Whether `exit` has been emitted. `lib/internal/process/per_thread.js`; Node 20 to 26. */
  _exiting: boolean
  /**
  Handles an uncaught error, and returns whether any handler did. Node's C++ calls it.

  `lib/internal/process/execution.js`; Node 20 to 26.
  */
  _fatalException: FatalException
  /** Ends the process immediately. `process.exit` calls it last. `lib/internal/process/per_thread.js`; Node 20 to 26. */
  reallyExit: (status: number) => void
}

type FatalException = (error: unknown, fromPromise: boolean) => boolean

const internals = process as unknown as Internals

/** Returns whether `exit` has been emitted. */
export function isExiting(): boolean {
  return Boolean(internals._exiting)
}

/** Marks `exit` as emitted. Called right before it is emitted, or instead. */
export function markExiting(): void {
  internals._exiting = true
}

/** Node's own handler of uncaught errors, as it was when this package was loaded. */
export const fatalException = internals._fatalException

/** Name of that handler. */
export const FATAL_EXCEPTION = '_fatalException'

/** Name of the method that `process.exit` calls last. */
export const REALLY_EXIT = 'reallyExit'

/** Returns accessors of the process that Node has not compiled ahead in every version. */
export function accessorsOfExit(): Callable[] {
  return ['exitCode', '_exiting'].flatMap((name) => {
    const { get, set } = Object.getOwnPropertyDescriptor(process, name) ?? {}
    return [get, set].filter((accessor) => accessor !== undefined)
  })
}

/** `exceptionHandlerState`, a variable of `lib/internal/process/execution.js`; empty if it cannot be found. */
let handlerState: { captureFn?: unknown } | undefined

/**
Returns the callback of `process.setUncaughtExceptionCaptureCallback`, which no API returns; `undefined` if it cannot be
found. Node 20 to 26.
*/
export function captureCallback(): unknown {
  handlerState ??= tryHandlerState()
  return handlerState.captureFn
}

function tryHandlerState(): { captureFn?: unknown } {
  try {
    const { exceptionHandlerState } = readScope(process.hasUncaughtExceptionCaptureCallback, [
      'exceptionHandlerState',
    ])
    return exceptionHandlerState as object
  } catch {
    // Without the inspector, a clone may finalize objects that only the callback references.
    return {}
  }
}

/**
Returns the callbacks that receive uncaught errors before any listener, such as a REPL's, which no API can remove. A
variable of `lib/internal/process/execution.js`; Node 26. `undefined` in earlier versions.

@throws {QcloneError} `ERR_QCLONE_UNSUPPORTED` if it cannot be found.
*/
export function findCaptures(): unknown[] | undefined {
  const { addUncaughtExceptionCaptureCallback: add } = process as {
    addUncaughtExceptionCaptureCallback?: () => void
  }
  if (!add) return undefined
  let callbacks: unknown[] = []
  expectFact('exceptionHandlerState.auxiliaryCallbacks', 'lib/internal/process/execution.js', () => {
    const { exceptionHandlerState } = readScope(add, ['exceptionHandlerState'])
    callbacks = (exceptionHandlerState as { auxiliaryCallbacks: unknown[] }).auxiliaryCallbacks
    return Array.isArray(callbacks)
  })
  return callbacks
}

/** Properties of the process that each clone must redefine to continue. */
const REDEFINED = ['pid', FATAL_EXCEPTION]

/** @throws {QcloneError} `ERR_QCLONE_UNSUPPORTED` if one of them is locked. */
export function verifyUnlocked(): void {
  for (const name of REDEFINED) {
    if (Reflect.getOwnPropertyDescriptor(process, name)?.configurable !== false) continue
    const message = `\`process.${name}\` cannot be redefined, and each clone must redefine it: do not call \`Object.freeze(process)\` or \`Object.seal(process)\``
    throw new QcloneError('ERR_QCLONE_UNSUPPORTED', message)
  }
}

export function verifyExit(): void {
  const file = 'lib/internal/process/per_thread.js'
  expectFact('process._exiting', file, () => typeof internals._exiting === 'boolean')
  expectFact('process.reallyExit', file, () => typeof internals.reallyExit === 'function')
  const isFunction = () => typeof fatalException === 'function'
  expectFact('process._fatalException', 'lib/internal/process/execution.js', isFunction)
}
