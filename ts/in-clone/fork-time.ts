import { uptimeMs } from '../node-internals/clock.js'
import { rehearseForClones } from './precompile.js'

/** Taken in the parent: a clone would have to compile `uptimeMs`. */
let aboutToFork = 0
rehearseForClones(() => {
  aboutToFork = uptimeMs()
})

/** Returns the time right before the last fork (in a clone, its own), by `uptimeMs`, which continues in a clone. */
export function forkTime(): number {
  return aboutToFork
}
