import { once } from 'node:events'

import { configure } from 'node-qclone'

import { Feed, type FeedStats } from '../lib/feed.js'
import { rerunWithHeapFor } from '../lib/heap.js'
import { loadWithProgress } from '../lib/load.js'
import { refuseUnlessCloneable, runExample } from '../lib/main.js'
import { Progress } from '../lib/progress.js'
import { type Ports, type RdbOptions, readArgs, USAGE } from './args.js'
import { watchClones } from './clones.js'
import { Database } from './database.js'
import { listen } from './servers.js'

/** Clones at the same time. Each may need its own memory. */
const MOST_CLONES = 16
/** Queries that may wait for a clone. Further clients are rejected. */
const MOST_WAITING = 100

process.exitCode = await runExample('rdb', async () => {
  const options = readArgs(process.argv.slice(2))
  if (options.help) {
    process.stdout.write(USAGE)
    return 0
  }
  return (await rerunWithHeapFor(options.rows)) ?? rdb(options)
})

async function rdb(options: RdbOptions): Promise<number> {
  const end = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => end.abort())
  refuseUnlessCloneable()
  configure({ maxClones: MOST_CLONES, maxQueue: MOST_WAITING })
  const database = new Database(await loadWithProgress(options.rows, new Progress()))
  watchClones(database)
  const servers = await listen(database, options)
  const feed = new Feed(database.flights, options.rate)
  feed.start()
  print(options, { ready: { pid: process.pid, rows: options.rows, ports: servers.ports } })
  await ended(end, options.seconds)
  const stats = feed.stop()
  await servers.close()
  const troubles = database.flights.inconsistencies()
  print(options, { ended: { ...stats, troubles } })
  return troubles.length === 0 ? 0 : 1
}

/** Waits for `end`, and no longer than `seconds` unless that is 0. */
async function ended(end: AbortController, seconds: number): Promise<void> {
  const timer = seconds === 0 ? undefined : setTimeout(() => end.abort(), seconds * 1000)
  if (!end.signal.aborted) await once(end.signal, 'abort')
  clearTimeout(timer)
}

/** Printed when the database is ready, and at the end. */
type Told =
  | { ready: { pid: number; rows: number; ports: Ports } }
  | { ended: FeedStats & { troubles: readonly string[] } }

function print({ json, host }: RdbOptions, told: Told): void {
  const lines = json
    ? [JSON.stringify(told)]
    : 'ready' in told
      ? inWords(told.ready.ports, host)
      : sum(told.ended)
  process.stdout.write(lines.map((line) => `${line}\n`).join(''))
}

function inWords({ http, kdb, sessions, json }: Ports, host: string): string[] {
  return [
    ...(http === undefined ? [] : [`pages       http://${host}:${http}/`]),
    ...(kdb === undefined ? [] : [`q, query    ${host}:${kdb}`]),
    ...(sessions === undefined ? [] : [`q, session  ${host}:${sessions}`]),
    ...(json === undefined ? [] : [`JSON        ${host}:${json}`]),
  ]
}

function sum({ updates, latencyMs, longestStallMs, troubles }: FeedStats & { troubles: readonly string[] }) {
  const latency = `p99 ${latencyMs.p99.toFixed(1)} ms, longest stall ${longestStallMs.toFixed(1)} ms`
  return [
    `${updates.toLocaleString('en-US')} updates, ${latency}`,
    troubles.length === 0 ? 'the running totals hold' : `PROBLEM: ${troubles.join('; ')}`,
  ]
}
