import { constants } from 'node:os'

/** Events of the process that concern the parent alone. */
const OF_THE_PARENT = [
  'beforeExit',
  'disconnect',
  'exit',
  'message',
  'rejectionHandled',
  'uncaughtException',
  'uncaughtExceptionMonitor',
  'unhandledRejection',
  ...Object.keys(constants.signals),
]

/** Takes out the parent's listeners for its signals, its messages, its errors and its end. */
export function dropListeners(): void {
  for (const event of OF_THE_PARENT) process.removeAllListeners(event)
  if (process.hasUncaughtExceptionCaptureCallback()) process.setUncaughtExceptionCaptureCallback(null)
  process.exitCode = undefined
  if (process.send) {
    // The descriptor is inert by now: nothing would arrive.
    Object.assign(process, { send: undefined, connected: false })
  }
}
