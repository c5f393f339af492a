import { forgetPlaces } from '../admission.js'
import { disownAll, type EventType } from '../children.js'
import { native } from '../native.js'
import { freshAgents } from './agents.js'
import { calledInClones } from './ahead.js'
import { compileHere } from './compile.js'
import { takeIdentity } from './identity.js'
import { leaveByItself } from './leave.js'
import { dropListeners } from './listeners.js'
import { freshRandomness } from './randomness.js'
import { ownStreams } from './streams.js'
import { dropImmediates, dropTimers } from './timers.js'

/** What would run in a clone whose event loop goes on, and is its parent's. */
export interface Ghosts {
  /** The immediate in whose callback the fork happened: those behind it are still to run. */
  behind: NodeJS.Immediate
}

/** What is to know of a clone. */
interface CloneFacts {
  /** Undefined for a clone whose event loop does not go on. */
  ghosts: Ghosts | undefined
  /** What `ps` is to show; undefined for the default. */
  title: string | undefined
  /** Whether it has a thread on which V8 compiles. */
  hasWorker: boolean
  pid: number
  /** 1 and 2, as far as its parent has streams on them that are dead here. */
  deadStreams: readonly number[]
  /** 1 and 2, as far as they are a pipe or a socket. */
  pipes: readonly number[]
}

/** All that a clone does before the first line of user code. */
export function enterClone(event: EventType, facts: CloneFacts): void {
  const { ghosts, title, hasWorker, pid, deadStreams, pipes } = facts
  disownAll()
  forgetPlaces()
  // First of all, the way out, which what follows may have to take.
  dropListeners()
  leaveByItself()
  takeIdentity(pid, event, title)
  compileHere(hasWorker)
  ownStreams(deadStreams, pipes)
  freshAgents()
  freshRandomness()
  if (ghosts) {
    dropTimers()
    dropImmediates(ghosts.behind)
  }
  native().unblockSignals()
}

calledInClones(enterClone, disownAll, forgetPlaces)
