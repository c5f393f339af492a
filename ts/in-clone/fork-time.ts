import { uptimeMs } from '../node-internals/clock.js'
import { rehearseForClones } from './precompile.js'

/** Taken in the parent: a clone would have to compile `uptimeMs`. */
let aboutToFork = 0
rehearseForClones(() => {
  aboutToFork = uptimeMs()
})

/** Returns the time right before the last fork, by `uptimeMs`, which counts on in a clone: there, that of its own. */
export function forkTime(): number {
  return aboutToFork
}
