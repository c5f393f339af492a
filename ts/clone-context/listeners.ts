import cluster from 'node:cluster'
import type { EventEmitter } from 'node:events'
import { constants } from 'node:os'
import { process } from '../node.js'
import { type Callable, calledInClones } from './ahead.js'
import { hold } from './hold.js'

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

/** Where node's EventEmitter has its listeners, in every version. */
const emitter = process as unknown as { _events?: Record<string | symbol, unknown>; _eventsCount: number }

/** The process, whose channel to its own parent TypeScript would not have us drop. */
const own = process as { send?: unknown; connected: boolean }

/** What of the process a clone has to drop. */
export interface Inherited {
  events: Array<string | symbol>
  hasCapture: boolean
  hasCode: boolean
  /** To a parent of the parent. */
  hasChannel: boolean
  isWorker: boolean
  /** Of these events: the parent still uses what they hold. */
  listeners: unknown[]
}

/**
Looks, in the parent and right before a fork, what there is to drop. It takes microseconds there, and in a clone, where
every page that it touches is copied, a tenth of a millisecond.
*/
export function surveyListeners(): Inherited {
  const events = process.eventNames().filter((event) => OF_THE_PARENT.has(event))
  return {
    events,
    hasCapture: process.hasUncaughtExceptionCaptureCallback(),
    hasCode: process.exitCode !== undefined,
    hasChannel: process.send !== undefined,
    isWorker: cluster.isWorker,
    listeners: events.flatMap((event) => process.rawListeners(event)),
  }
}

/** Takes out the parent's listeners for its signals, its messages, its errors and its end. */
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
  // That of a domain has gone with it.
  if (hasCapture && process.hasUncaughtExceptionCaptureCallback()) {
    process.setUncaughtExceptionCaptureCallback(null)
  }
  if (hasCode) process.exitCode = undefined
  if (hasChannel) {
    // The descriptor is inert by now: nothing would arrive.
    own.send = undefined
    own.connected = false
  }
  if (isWorker) {
    // It would ask its primary for a place to listen.
    Object.assign(cluster, { isPrimary: true, isMaster: true, isWorker: false, worker: undefined })
  }
}

/**
But for signals, without a word to the listeners of `removeListener`, to call which takes a clone a tenth of a
millisecond. Of node's own one ends the handling of a signal, which must be; another would have the channel to the
parent's parent, dead here, keep the loop going once somebody listens to it again.
*/
function removeAll(event: string | symbol): void {
  const { _events } = emitter
  if (SIGNALS.has(event) || _events?.[event] === undefined) {
    process.removeAllListeners(event)
  } else {
    delete _events[event]
    emitter._eventsCount--
  }
}

/** A domain that the fork happened in would take the clone's errors; `node:domain` adds this to the process. */
function leaveDomains(): void {
  const { domain } = process as { domain?: { exit(): void } | null }
  if (!domain) return
  domain.exit()
  leaveDomains()
}

calledInClones(
  dropListeners,
  removeAll,
  leaveDomains,
  // Node's own, which it has not compiled ahead in every version.
  process.removeAllListeners,
  process.removeListener,
  ...((process as EventEmitter).listeners('removeListener') as Callable[]),
)
