import { readArgs } from '../bench/lib/args.js'
import { program, report, runPart } from '../bench/lib/program.js'
import { ADDONS, type Addon } from './vouched/addons.js'
import { type Found, forkBeside } from './vouched/fork.js'

const options = readArgs(
  `Usage: npm run soak:vouched -- [options]

Forks beside the threads of popular addons, after real use of them and while they are used: sharp, DuckDB, @napi-rs/canvas
and snappy, each in a process of its own. Clones compute, read files, compress, wait and collect garbage, and use no
addon. Met when no clone hangs, dies or answers wrongly, and no fork is refused. Installs the packages into
.cache/vouched.`,
  {
    forks: { about: 'forks beside each addon', fallback: 2000, min: 1, max: 1_000_000 },
  },
)

/** For each fork, on a machine that does other things besides. */
const LIMIT_MS = 2000
/** Installing and starting. */
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
