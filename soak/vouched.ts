import { readArgs } from '../harness/args.js'
import { program, report, runPart } from '../harness/program.js'
import { ADDONS, type Addon } from './vouched/addons.js'
import { type Found, forkBeside } from './vouched/fork.js'

const options = readArgs(
  `Usage: npm run soak -- vouched [options]

Forks while popular addons have threads, after real use and during use: sharp, DuckDB, @napi-rs/canvas and snappy,
each in a process of its own. Clones compute, read files, compress, wait and collect garbage, but use no addon. Passes
if no clone hangs, dies or answers wrongly, and no fork is refused. Installs the packages into .cache/vouched.`,
  {
    forks: { about: 'forks per addon', fallback: 2000, min: 1, max: 1_000_000 },
  },
)

/** Limit per fork, on a machine that is busy with other work. */
const LIMIT_MS = 2000
/** Time to install and start. */
const MARGIN_MS = 300_000

const parts = Object.fromEntries(
  Object.keys(ADDONS).map((name) => [name, () => forkBeside(name as Addon, options.forks)]),
)

await program(parts, async () => {
  const found: Record<string, Found> = {}
  for (const name of Object.keys(ADDONS)) {
    const limitMs = options.forks * LIMIT_MS + MARGIN_MS
    found[name] = await runPart<Found>(name, { flags: ['--expose-gc'], limitMs })
  }
  const met = Object.values(found).every(({ failures, threads }) => failures.length === 0 && threads > 0)
  report({ node: process.version, met, ...found }, options.json)
  return met
})
