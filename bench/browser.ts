import { fileURLToPath } from 'node:url'
import { browse } from '../__test__/clients/browser.js'
import { startRdb } from '../__test__/clients/rdb.js'
import { tour } from './browser/tour.js'
import { readArgs } from './lib/args.js'
import { report } from './lib/program.js'
import { percentile, rounded } from './lib/stats.js'

const options = readArgs(
  `Usage: npm run browser -- [options]

Goes through the pages of the example rdb by Chromium while updates run. Met when every page is right, agrees with
itself, and is answered by a clone of its own.`,
  {
    rows: { about: 'flights to load', fallback: 300_000, min: 1000, max: 3_000_000 },
    rate: { about: 'updates per second', fallback: 5000, min: 1, max: 1_000_000 },
    rounds: { about: 'times to go through all pages', fallback: 5, min: 1, max: 1000 },
  },
)

const PICTURE = fileURLToPath(new URL('../../.cache/screenshots/rdb.png', import.meta.url))

const rdb = await startRdb('--rows', `${options.rows}`, '--rate', `${options.rate}`)
const seen = await browse((browsing) => tour(browsing, rdb.origin, options.rounds, PICTURE)).finally(
  async () => {
    // When the tour failed there is no more to be told of.
    process.exitCode = 1
  },
)
const ending = await rdb.end()
const { loadMs, origins, moved, checks, troubles } = seen
report(
  {
    rows: options.rows,
    updatesPerSecond: options.rate,
    pages: loadMs.length,
    clones: new Set(origins.map(({ pid }) => pid)).size,
    loadMs: spread(loadMs),
    renderMs: spread(origins.map(({ ms }) => ms)),
    fewestUpdatesBetweenLoads: Math.min(...moved),
    checks,
    troubles,
    updates: ending.updates,
    updateLatencyMs: { p50: rounded(ending.latencyMs.p50), p99: rounded(ending.latencyMs.p99) },
    longestStallMs: rounded(ending.longestStallMs),
    picture: PICTURE,
  },
  options.json,
)
const isMet = troubles.length + ending.troubles.length === 0 && ending.code === 0 && ending.left === ''
process.exitCode = isMet ? 0 : 1

function spread(values: readonly number[]) {
  return {
    p50: rounded(percentile(values, 0.5)),
    p99: rounded(percentile(values, 0.99)),
    max: rounded(Math.max(...values)),
  }
}
