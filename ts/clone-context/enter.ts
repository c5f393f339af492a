import { forgetPlaces } from '../admission.js'
import { disownAll } from '../children.js'
import { enterCloneInAll } from '../copies.js'
import { native } from '../native.js'
import { forgetStalls } from '../servers/stalls.js'
import './addresses.js'
import { freshAgents } from './agents.js'
import { calledInClones } from './ahead.js'
import { dropCaptures } from './captures.js'
import { findDate, resetClocks, surveyClocks } from './clocks.js'
import { compileHere } from './compile.js'
import { silenceConnections } from './connections.js'
import { freshDispatchers, surveyDispatchers } from './dispatchers.js'
import { dropExitHooks } from './exit-hooks.js'
import { failSessions, findSessions } from './http2-sessions.js'
import { takeIdentity } from './identity.js'
import { leaveByItself } from './leave.js'
import { dropListeners, type Inherited, surveyListeners } from './listeners.js'
import { dropMessages } from './messages.js'
import { numberFromHere } from './numbering.js'
import { freshRandomness } from './randomness.js'
import { freshResolvers } from './resolvers.js'
import { ownStreams } from './streams.js'
import { dropImmediates, dropTimers, findTimers } from './timers.js'
import { goOnCounting, surveyUsage, type Usage } from './usage.js'

/** What would run in a clone whose event loop goes on, and is its parent's. */
export interface Ghosts {
  /** The immediate in whose callback the fork happened: those behind it are still to run. */
  behind: NodeJS.Immediate
}

/** What its parent has found out for a clone, right before the fork. */
export interface Survey {
  listeners: Inherited
  usage: Usage
}

/**
In the parent, before the first fork whose clone's event loop goes on: finds what only Node's own variables tell.

@throws {QcloneError} `ERR_QCLONE_UNSUPPORTED` when it cannot be found.
*/
export function findInternals(): void {
  findTimers()
  findDate()
}

/**
In the parent, right before a fork: looks at what a clone must know of it.

@param goesOn whether the clone's event loop goes on.
@throws {QcloneError} as {@link findSessions}.
*/
export function survey(goesOn: boolean): Survey {
  surveyDispatchers()
  if (goesOn) {
    findSessions()
    surveyClocks()
  }
  return { listeners: surveyListeners(), usage: surveyUsage() }
}

/**
All that a clone does before the first line of user code.

@param facts what its fork told of it, in the order of `fork` in the native part.
@param seen what its parent has found out for it.
@param ghosts undefined for a clone whose event loop does not go on.
*/
export function enterClone(facts: Int32Array, seen: Survey, ghosts: Ghosts | undefined): void {
  enterCloneInAll()
  // First of all, the way out, which what follows may have to take.
  dropListeners(seen.listeners)
  dropCaptures()
  leaveByItself()
  dropExitHooks()
  takeIdentity(facts[0] as number)
  compileHere(facts[1] === 1)
  ownStreams(facts[2] as number, facts[3] as number)
  goOnCounting(seen.usage)
  silenceConnections()
  freshAgents()
  freshDispatchers()
  freshRandomness()
  if (ghosts) {
    dropTimers()
    resetClocks()
    dropImmediates(ghosts.behind)
    dropMessages()
  }
  native().forgetWakers()
  native().unblockSignals()
}

/** What each copy of this package does: it forgets the parent's clones and clients, and knows itself in a clone. */
export function disown(): void {
  disownAll()
  forgetPlaces()
  forgetStalls()
  numberFromHere()
  failSessions()
  freshResolvers()
}

calledInClones(enterClone, enterCloneInAll, disown, disownAll, forgetPlaces, forgetStalls)
