import { findCaptures as find } from '../node-internals/process-exit.js'
import { hold } from './hold.js'
import { calledInClones } from './precompile.js'

/** Callbacks that receive uncaught errors before any listener, such as a REPL's. */
let callbacks: unknown[] | undefined

/**
Finds the callbacks, once and in the parent.

@throws {QcloneError} `ERR_QCLONE_UNSUPPORTED` if they cannot be found.
*/
export function findCaptures(): void {
  callbacks ??= find()
}

/** In a clone: removes the parent's callbacks. */
export function dropCaptures(): void {
  if (callbacks) hold(callbacks.splice(0))
}

calledInClones(dropCaptures)
