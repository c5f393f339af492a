import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

import { cloneRequests, configure } from 'node-qclone'

import { runExample } from '../lib/main.js'
import { readConfig } from './config.js'
import { Health } from './health.js'
import { isLong, routes } from './routes.js'
import { stopServing, stopSignal } from './stop.js'
import { Trades } from './trades.js'

/** Longer than load balancers keep an idle connection, so that none uses a connection that is being closed. */
const KEEP_ALIVE_MS = 65_000

process.exitCode = await runExample('graceful', async () => {
  const config = readConfig(process.env)
  const stop = stopSignal()
  const { maxClones, maxStalledClones, maxQueue, memory } = config
  configure({ maxClones, maxStalledClones, maxQueue, memoryPerClone: memory })

  const health = new Health()
  const trades = new Trades()
  const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS }, routes(trades, health))
  cloneRequests(server, {
    filter: (request) => health.state !== 'starting' && isLong(request),
    timeout: config.answerMs,
    limits: { coreSize: 0 },
  })

  // Listens before the table is loaded, so that liveness is visible during the load.
  await once(server.listen(config.port, config.host), 'listening')
  console.log(`listening on http://${config.host}:${(server.address() as AddressInfo).port}`)

  await trades.load(config.rows, stop)
  if (!stop.aborted) {
    trades.start()
    health.state = 'ready'
    console.log('ready')
    await once(stop, 'abort')
  }
  console.log('stopping')
  await stopServing(server, health, config)
  trades.stop()
  console.log('stopped')
  return 0
})
