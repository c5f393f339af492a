import cluster from 'node:cluster'
import type { EventEmitter } from 'node:events'
import { constants } from 'node:os'
import { forgetListeners } from '../node-internals/events.js'
import { process } from '../node-internals/process.js'
import { becomePrimary, forgetChannel } from '../node-internals/process-channel.js'
import { captureCallback } from '../node-internals/process-exit.js'
import type { Callable } from '../types/callable.js'
import { hold } from './hold.js'
import { calledInClones } from './precompile.js'

const SIGNALS = new Set<string | symbol>(Object.keys(constants.signals))

/** Events of the process that concern the parent alone. */
const OF_THE_PARENT = new Set<string | symbol>([
  'beforeExit',
  'disconnect',
  'exit',
  'message',
  'rejectionHandled',
  'uncaughtException',
  'uncaughtExceptionMonitor',
  'unhandledRejection',
  ...SIGNALS,
])

/** State of the process that a clone drops. */
export interface Inherited {
  events: Array<string | symbol>
  hasCapture: boolean
  hasCode: boolean
  /** Whether the parent has an IPC channel to its own parent. */
  hasChannel: boolean
  isWorker: boolean
  /** Listeners of `events`, and the capture callback, held because the parent still uses what they reference. */
  listeners: unknown[]
}

/**
In the parent, right before a fork: finds the state that the clone must drop. This takes microseconds in the parent, but
a tenth of a millisecond in a clone, where every page it touches is copied.
*/
export function surveyListeners(): Inherited {
  const events = process.eventNames().filter((event) => OF_THE_PARENT.has(event))
  const hasCapture = process.hasUncaughtExceptionCaptureCallback()
  const listeners: unknown[] = events.flatMap((event) => process.rawListeners(event))
  if (hasCapture) listeners.push(captureCallback())
  return {
    events,
    hasCapture,
    hasCode: process.exitCode !== undefined,
    hasChannel: process.send !== undefined,
    isWorker: cluster.isWorker,
    listeners,
  }
}

/** Removes the parent's listeners for signals, IPC messages, errors and exit. */
export function dropListeners({
  events,
  hasCapture,
  hasCode,
  hasChannel,
  isWorker,
  listeners,
}: Inherited): void {
  hold(listeners)
  for (const event of events) removeAll(event)
  leaveDomains()
  // The callback of a domain has gone with the domain.
  if (hasCapture && process.hasUncaughtExceptionCaptureCallback()) {
    process.setUncaughtExceptionCaptureCallback(null)
  }
  if (hasCode) process.exitCode = undefined
  // Its descriptor is dead by now: nothing would arrive.
  if (hasChannel) forgetChannel()
  if (isWorker) becomePrimary()
}

/**
Removes the listeners of an event. Emits `removeListener` only for signals, where Node's own listener must stop handling
the signal. Emitting it for other events would take a clone a tenth of a millisecond, and another listener of Node's
would let the dead IPC channel keep the event loop alive once somebody listens to the channel again.
*/
function removeAll(event: string | symbol): void {
  if (SIGNALS.has(event) || !forgetListeners(process, event)) process.removeAllListeners(event)
}

/** Leaves the domains active at the fork, which would catch the clone's errors. `node:domain` adds `process.domain`. */
function leaveDomains(): void {
  const { domain } = process as { domain?: { exit(): void } | null }
  if (!domain) return
  domain.exit()
  leaveDomains()
}

calledInClones(
  dropListeners,
  removeAll,
  forgetListeners,
  leaveDomains,
  // Functions of Node that it has not compiled ahead in every version.
  process.removeAllListeners,
  process.removeListener,
  ...((process as EventEmitter).listeners('removeListener') as Callable[]),
)
