import { findDateCache } from '../node-internals/http-date.js'
import { runningTimeouts } from '../node-internals/undici.js'
import { hold } from './hold.js'
import { calledInClones } from './precompile.js'

/**
Clears Node's cached date for headers. Otherwise only a timer does, which belongs to the parent and is dropped in a
clone.
*/
let forgetDate: (() => void) | undefined

/**
Finds Node's cache for the `Date` header: a variable, which a timer clears each second. Called once in the parent,
before the first fork that needs it.

@throws {QcloneError} `ERR_QCLONE_UNSUPPORTED` if it cannot be found.
*/
export function findDate(): void {
  if (forgetDate) return
  const { reset, read } = findDateCache()
  forgetDate = reset
  calledInClones(reset, read)
}

/** Timeouts of the clocks of undici that were running at the last survey. */
let running: unknown[][] = []

/** In the parent, right before a fork: notes which clocks of undici are running. */
export function surveyClocks(): void {
  running = runningTimeouts()
}

/**
Removes the parent's entries from clocks that the clone continues to use. Their timers have been stopped; undici starts
its timer again when it has something to time.
*/
export function resetClocks(): void {
  forgetDate?.()
  for (const timeouts of running) hold(timeouts.splice(0))
}

calledInClones(resetClocks)
