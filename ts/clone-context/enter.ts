import { disownAll, type EventType } from '../children.js'
import { native } from '../native.js'
import { compileHere } from './compile.js'
import { takeIdentity } from './identity.js'
import { leaveByItself } from './leave.js'
import { dropListeners } from './listeners.js'
import { freshRandomness } from './randomness.js'
import { dropImmediates, dropTimers } from './timers.js'

/** What would run in a clone whose event loop goes on, and is its parent's. */
export interface Ghosts {
  /** The immediate in whose callback the fork happened: those behind it are still to run. */
  behind: NodeJS.Immediate
}

/**
All that a clone does before the first line of user code.

@param ghosts undefined for a clone whose event loop does not go on.
*/
export function enterClone(event: EventType, ghosts: Ghosts | undefined): void {
  disownAll()
  takeIdentity(event)
  compileHere()
  dropListeners()
  freshRandomness()
  leaveByItself()
  if (ghosts) {
    dropTimers()
    dropImmediates(ghosts.behind)
  }
  native().unblockSignals()
}
