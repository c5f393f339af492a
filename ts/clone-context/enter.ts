import { forgetPlaces } from '../admission.js'
import { disownAll } from '../children.js'
import { enterCloneInAll } from '../copies.js'
import { native } from '../native.js'
import { forgetStalls } from '../servers/stalls.js'
import { freshAgents } from './agents.js'
import { calledInClones } from './ahead.js'
import { dropCaptures } from './captures.js'
import { compileHere } from './compile.js'
import { dropExitHooks } from './exit-hooks.js'
import { takeIdentity } from './identity.js'
import { leaveByItself } from './leave.js'
import { dropListeners, type Inherited } from './listeners.js'
import { freshRandomness } from './randomness.js'
import { ownStreams } from './streams.js'
import { dropImmediates, dropTimers } from './timers.js'

/** What would run in a clone whose event loop goes on, and is its parent's. */
export interface Ghosts {
  /** The immediate in whose callback the fork happened: those behind it are still to run. */
  behind: NodeJS.Immediate
}

/**
All that a clone does before the first line of user code.

@param facts what its fork told of it, in the order of `fork` in the native part.
@param inherited what its parent has seen that there is to drop.
@param ghosts undefined for a clone whose event loop does not go on.
*/
export function enterClone(facts: Int32Array, inherited: Inherited, ghosts: Ghosts | undefined): void {
  enterCloneInAll()
  // First of all, the way out, which what follows may have to take.
  dropListeners(inherited)
  dropCaptures()
  leaveByItself()
  dropExitHooks()
  takeIdentity(facts[0] as number)
  compileHere(facts[1] === 1)
  ownStreams(facts[2] as number, facts[3] as number)
  freshAgents()
  freshRandomness()
  if (ghosts) {
    dropTimers()
    dropImmediates(ghosts.behind)
  }
  native().unblockSignals()
}

/** Forgets the clones and clients of the parent's, and who waits to be one. In each copy of this package. */
export function disown(): void {
  disownAll()
  forgetPlaces()
  forgetStalls()
}

calledInClones(enterClone, enterCloneInAll, disown, disownAll, forgetPlaces, forgetStalls)
