import { enterCloneInAll, onEnteringClone } from '../copies/registry.js'
import { type CloneFacts, native } from '../native.js'
import './addresses.js'
import { findDate, resetClocks, surveyClocks } from './cached-clocks.js'
import { freshResolvers } from './dns-resolvers.js'
import { dropCaptures } from './error-captures.js'
import { leaveByItself } from './exit.js'
import { numberFromHere } from './handle-numbers.js'
import { forgetParent } from './hooks.js'
import { freshAgents } from './http-agents.js'
import { failSessions, findSessions } from './http2-sessions.js'
import { takeIdentity } from './identity.js'
import { dropListeners, type Inherited, surveyListeners } from './listeners.js'
import { dropMessages } from './message-ports.js'
import { calledInClones } from './precompile.js'
import { freshRandomness } from './randomness.js'
import { goOnCounting, surveyUsage, type Usage } from './resource-usage.js'
import { dropExitHooks } from './signal-exit.js'
import { silenceConnections } from './silent-connections.js'
import { ownStreams } from './standard-streams.js'
import { dropImmediates, dropTimers, findTimers } from './timers.js'
import { freshDispatchers, surveyDispatchers } from './undici-dispatchers.js'
import { compileHere } from './v8-flags.js'

/** The parent's callbacks that would run in a clone whose event loop continues. */
export interface Ghosts {
  /** Immediate in whose callback the fork happens. The immediates behind it have not run yet. */
  behind: NodeJS.Immediate
}

/** Findings of the parent for its clone, right before the fork. */
export interface Survey {
  listeners: Inherited
  usage: Usage
}

/**
In the parent, before the first fork whose clone's event loop continues: finds variables of Node that no API exposes.

@throws {QcloneError} `ERR_QCLONE_UNSUPPORTED` if they cannot be found.
*/
export function findInternals(): void {
  findTimers()
  findDate()
}

/**
In the parent, right before a fork: collects what a clone must know about the parent.

@param goesOn Whether the clone's event loop continues.
@throws {QcloneError} like {@link findSessions}.
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
Sets a clone up before the first line of user code.

@param facts Facts that the native fork reports to the clone.
@param seen Findings of its parent.
@param ghosts `undefined` for a clone whose event loop does not continue.
*/
export function enterClone(facts: CloneFacts, seen: Survey, ghosts: Ghosts | undefined): void {
  enterCloneInAll()
  // The exit comes first, since the following steps may need it.
  dropListeners(seen.listeners)
  dropCaptures()
  leaveByItself()
  dropExitHooks()
  takeIdentity(facts.pid)
  compileHere(facts.hasWorker)
  ownStreams(facts)
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

/** In each copy of this package: drops the parent's clones and clients, and notes that this process is a clone. */
function disown(): void {
  forgetParent()
  numberFromHere()
  failSessions()
  freshResolvers()
}

onEnteringClone(disown)

calledInClones(enterClone, enterCloneInAll, disown)
