import cluster from 'node:cluster'
import type { EventEmitter } from 'node:events'
import { constants } from 'node:os'
import { type Callable, calledInClones } from './ahead.js'

/** Events of the process that concern the parent alone. */
const OF_THE_PARENT = new Set([
  'beforeExit',
  'disconnect',
  'exit',
  'message',
  'rejectionHandled',
  'uncaughtException',
  'uncaughtExceptionMonitor',
  'unhandledRejection',
  ...Object.keys(constants.signals),
])

/** Takes out the parent's listeners for its signals, its messages, its errors and its end. */
export function dropListeners(): void {
  for (const event of process.eventNames()) {
    if (OF_THE_PARENT.has(event as string)) process.removeAllListeners(event)
  }
  leaveDomains()
  if (process.hasUncaughtExceptionCaptureCallback()) process.setUncaughtExceptionCaptureCallback(null)
  process.exitCode = undefined
  if (process.send) {
    // The descriptor is inert by now: nothing would arrive.
    Object.assign(process, { send: undefined, connected: false })
    // A worker of a cluster would ask its primary for a place to listen.
    Object.assign(cluster, { isPrimary: true, isMaster: true, isWorker: false, worker: undefined })
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
  leaveDomains,
  // Node's own, which it has not compiled ahead in every version.
  process.eventNames,
  process.removeAllListeners,
  process.removeListener,
  process.hasUncaughtExceptionCaptureCallback,
  ...((process as EventEmitter).listeners('removeListener') as Callable[]),
)
