import { fileURLToPath } from 'node:url'
import { readArgs } from '../harness/args.js'
import { browse } from '../harness/browser/browse.js'
import { tour } from '../harness/browser/tour.js'
import { startRdb } from '../harness/clients/rdb.js'
import { report } from '../harness/program.js'
import { percentile, rounded } from '../harness/stats.js'

const options = readArgs(
  `Usage: npm run soak -- browser [options]

Visits the pages of the example rdb with Chromium while updates run. Passes if every page is right and consistent, and
each is answered by a clone of its own.`,
  {
    rows: { about: 'flights to load', fallback: 300_000, min: 1000, max: 3_000_000 },
    rate: { about: 'updates per second', fallback: 5000, min: 1, max: 1_000_000 },
    rounds: { about: 'visits of all pages', fallback: 5, min: 1, max: 1000 },
  },
)

const PICTURE = fileURLToPath(new URL('../../.cache/screenshots/rdb.png', import.meta.url))

const rdb = await startRdb('--rows', `${options.rows}`, '--rate', `${options.rate}`)
const seen = await browse((browsing) => tour(browsing, rdb.origin, options.rounds, PICTURE)).finally(
  async () => {
    // Overwritten below, unless the tour failed.
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
