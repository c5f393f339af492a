import { prepareLeaving } from '../in-clone/exit.js'
import { prepareRandomness } from '../in-clone/randomness.js'
import { findInternals, type Survey, survey } from '../in-clone/setup.js'
import { native } from '../native.js'
import { expectSockets, verifyInternals } from '../node-internals/verify.js'
import { typed } from '../types/errors.js'
import { shortOfMemory } from './memory-check.js'

/**
Prepares, once, everything clones need, and surveys this process for the next clone. Each fork and `check` begin with
this function, so they report the same reasons.

@param goesOn Whether the clone's event loop continues.
@throws {QcloneError} if no fork is possible.
*/
export function readyToFork(goesOn: boolean): Survey {
  native()
  verifyInternals()
  if (goesOn) {
    findInternals()
    expectSockets()
  }
  const short = shortOfMemory()
  if (short) throw short
  prepareRandomness()
  prepareLeaving()
  return survey(goesOn)
}

/**
Checks early, before a task waits for its turn, whether this process can ever fork.

@throws {QcloneError} if it cannot.
*/
export function expectInternals(): void {
  try {
    native()
    verifyInternals()
    findInternals()
    expectSockets()
  } catch (error) {
    throw typed(error)
  }
}
