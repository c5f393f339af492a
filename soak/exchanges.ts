import { selfSigned } from '../harness/certificate.js'
import { report } from '../harness/program.js'
import { rounded } from '../harness/stats.js'
import { blame, repeat } from './exchanges/blame.js'
import { type LeftOfPair, Pair, scripts } from './exchanges/drive.js'
import { readOptions } from './exchanges/options.js'
import { FAULTS, Tally } from './exchanges/tally.js'

const PROGRESS_MS = 10_000
/** Number of times that a failed script is repeated. */
const AGAIN = 3
const MOST_REPEATED = 2
/** Maximum number of kinds of differences whose scripts are repeated. */
const MOST_EXPLAINED = 12

const options = readOptions()
const certificate = selfSigned()
const tally = new Tally()
const begun = performance.now()
const left = await drive()
const seconds = (performance.now() - begun) / 1000
const leftInAll = left.reduce((sum, pair) => sum + countOf(pair), 0)
const faults = Object.fromEntries(FAULTS.map((kind) => [kind, tally.count(kind)]))
const met =
  tally.unexplainedCount === 0 &&
  leftInAll === 0 &&
  // A script that also hangs with plain Node is not a difference.
  FAULTS.every((kind) => kind === 'hung in both' || faults[kind] === 0)
if (!met && !options.json && options.only === undefined) await explain()
report(
  {
    node: process.version,
    met,
    seed: options.seed,
    exchanges: tally.exchanges,
    scripts: tally.scripts,
    ...tally.exchangesBy,
    seconds: rounded(seconds),
    'exchanges a second': rounded(tally.exchanges / seconds),
    'longest script, ms': Math.round(tally.longestMs),
    ...faults,
    'clones and connections left': leftInAll,
    'TLS connections left': left.reduce((sum, { cloning }) => sum + (cloning?.tlsConnections ?? 0), 0),
    'TLS connections left by plain Node': left.reduce(
      (sum, { plain }) => sum + (plain?.tlsConnections ?? 0),
      0,
    ),
    left,
    same: tally.same,
    differences: tally.differences,
    unexplained: tally.unexplainedCount,
    'on stderr': Object.fromEntries(tally.words),
    ...(options.json && { failures: Object.fromEntries(tally.failures) }),
  },
  options.json,
)
// Exits explicitly: Node never closes a socket that was reset while ending, and would wait for it (TCPWrap::Reset of
// tcp_wrap.cc treats it as closed although uv_tcp_close_reset() refuses).
process.exit(met ? 0 : 1)

/**
Number of clones, child processes and connections without TLS that are left, but not with plain Node. Plain Node leaves
some when a client ends its side after a body that nobody reads, and is never answered.
*/
function countOf({ cloning, plain }: LeftOfPair): number {
  if (!cloning) return 0
  const { clones, children, connections } = cloning
  const ofBoth = Math.min(connections, plain?.connections ?? 0)
  return [clones, children, connections].reduce((sum, count) => sum + Math.max(0, count - ofBoth), 0)
}

async function drive() {
  const { only, times, jobs, connections, json } = options
  const isOnce = only !== undefined && times === 1
  const pairs = Array.from({ length: isOnce ? 1 : jobs }, () => new Pair(certificate, tally))
  await Promise.all(pairs.map((pair) => pair.start()))
  const next = scripts(options, tally)
  const progress = setInterval(() => {
    const perSecond = Math.round(tally.exchanges / ((performance.now() - begun) / 1000))
    process.stderr.write(
      `${tally.exchanges} exchanges, ${perSecond} per second, ${tally.unexplainedCount} unexplained\n`,
    )
  }, PROGRESS_MS)
  const verbose = isOnce && !json
  await Promise.all(
    pairs.flatMap((pair) =>
      Array.from({ length: isOnce ? 1 : connections }, () => pair.drive(next, verbose)),
    ),
  )
  clearInterval(progress)
  return Promise.all(pairs.map((pair) => pair.end()))
}

/** Prints the failures and the scripts that reproduce them. */
async function explain(): Promise<void> {
  for (const kind of FAULTS) {
    for (const { count, what, ids } of tally.faults[kind].values()) {
      const guilty = kind === 'uncaught' || kind === 'died' ? await blame(kind, what, ids, certificate) : ids
      console.log(`${kind}, ${count} times: ${what}`)
      console.log(guilty.length > 0 ? `  --only ${guilty.join(' ')}` : `  by none alone: ${ids.join(' ')}`)
    }
  }
  for (const [index, [sort, { count, ids, why }]] of [...tally.failures].entries()) {
    const again = index < MOST_EXPLAINED ? ids.slice(0, MOST_REPEATED) : []
    const repeated = await repeat(again, AGAIN, certificate)
    const shown = [...repeated].map(([id, times]) => `${id} (${times} of ${AGAIN} again)`)
    console.log(
      `${sort}, ${count} times\n  --only ${[...shown, ...ids.slice(again.length)].join(' ')}\n  ${why}`,
    )
  }
}
