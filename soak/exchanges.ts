import { selfSigned } from '../__test__/helpers/certificate.js'
import { report } from '../bench/lib/program.js'
import { rounded } from '../bench/lib/stats.js'
import { Pair, scripts } from './exchanges/drive.js'
import { readOptions } from './exchanges/options.js'
import { type FaultKind, Tally } from './exchanges/tally.js'

const options = readOptions()
const PROGRESS_MS = 10_000

const tally = new Tally()
const begun = performance.now()
const certificate = selfSigned()
const pairs = Array.from({ length: options.only ? 1 : options.jobs }, () => new Pair(certificate, tally))
await Promise.all(pairs.map((pair) => pair.start()))
const next = scripts(options, tally)
const progress = setInterval(() => {
  const perSecond = Math.round(tally.exchanges / ((performance.now() - begun) / 1000))
  process.stderr.write(
    `${tally.exchanges} exchanges, ${perSecond} a second, ${tally.unexplainedCount} unexplained\n`,
  )
}, PROGRESS_MS)
const lanes = options.only ? 1 : options.connections
await Promise.all(
  pairs.flatMap((pair) =>
    Array.from({ length: lanes }, () => pair.drive(next, options.only && !options.json)),
  ),
)
clearInterval(progress)
const seconds = (performance.now() - begun) / 1000
const left = await Promise.all(pairs.map((pair) => pair.end()))
const leftInAll = left.reduce((sum, one) => sum + (one ? one.clones + one.children : 0), 0)
const faults = (kind: FaultKind) =>
  [...tally.faults[kind].values()].map(({ count, what, scripts }) => ({ count, what, scripts }))
const met =
  tally.unexplainedCount === 0 &&
  leftInAll === 0 &&
  (['uncaught', 'died', 'foreign', 'hung'] as const).every((kind) => tally.count(kind) === 0)
if (!options.json) {
  for (const kind of ['uncaught', 'died', 'foreign', 'hung', 'hungBoth'] as const) {
    for (const { count, what, scripts } of faults(kind)) {
      console.log(
        `${kind}, ${count} times, among --only ${scripts.join(' ')}\n  ${what.split('\n').slice(0, 8).join('\n  ')}`,
      )
    }
  }
  for (const { id, door, why } of tally.failures) console.log(`--only ${id} (${door}): ${why}`)
}
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
    'uncaught errors': tally.count('uncaught'),
    'deaths of the parent': tally.count('died'),
    'foreign bytes': tally.count('foreign'),
    hangs: tally.count('hung'),
    'hangs in plain Node too': tally.count('hungBoth'),
    'clones left': leftInAll,
    left,
    differences: tally.differences,
    unexplained: tally.unexplainedCount,
    'on stderr': Object.fromEntries(tally.words),
    ...(options.json && { failures: tally.failures }),
  },
  options.json,
)
process.exitCode = met ? 0 : 1
