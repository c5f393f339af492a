import { once } from 'node:events'
import type { Server } from 'node:http'
import { constants } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'

import { stopAll } from 'node-qclone'

import type { Config } from './config.js'
import type { Health } from './health.js'

const SWEEP_MS = 100
/** By convention, a process ended by a signal exits with 128 plus the number of the signal. */
const EXIT_BY_SIGNAL = 128

/** Aborted by the first SIGTERM or SIGINT. A second signal ends the process immediately, with its clones. */
export function stopSignal(): AbortSignal {
  const stop = new AbortController()
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      if (stop.signal.aborted) process.exit(EXIT_BY_SIGNAL + constants.signals[signal])
      stop.abort()
    })
  }
  return stop.signal
}

/** Stops serving. Resolves when the last connection is closed. */
export async function stopServing(
  server: Server,
  health: Health,
  { drainMs, stopMs }: Pick<Config, 'drainMs' | 'stopMs'>,
): Promise<void> {
  // The load balancer must notice this before connections are refused.
  health.state = 'stopping'
  await delay(drainMs)

  const closed = once(server, 'close')
  server.close()
  // A connection becomes idle once a clone has answered its request.
  const sweep = setInterval(() => server.closeIdleConnections(), SWEEP_MS)
  const deadline = setTimeout(async () => {
    console.error(`not finished ${stopMs} ms after the last connection was accepted: closing the rest`)
    await stopAll()
    server.closeAllConnections()
  }, stopMs)
  await closed
  clearInterval(sweep)
  clearTimeout(deadline)
}
