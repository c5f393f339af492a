import { findCommand } from '../harness/clients/command.js'
import { rounded } from '../harness/stats.js'
import { compareSides } from './clients/compare.js'
import { CLIENTS, type ClientName } from './clients/families.js'
import { BROKEN, readOptions } from './clients/options.js'
import { count, inWords, printResults, type Result } from './clients/report.js'
import { seeSide } from './clients/side.js'

const options = readOptions()
// Ends through `process.exit()`, so that servers and clients that still run are killed.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))
setTimeout(() => {
  process.stderr.write(`not finished after ${options.limitMs / 1000} s\n`)
  process.exit(1)
}, options.limitMs).unref()
process.exitCode = (await main()) ? 0 : 1

async function main(): Promise<boolean> {
  const missing = options.clients
    .flatMap((client): readonly string[] => CLIENTS[client].needs)
    .filter((command) => findCommand(command) === undefined)
  if (missing.length > 0) {
    process.stderr.write(`Missing: ${[...new Set(missing)].join(', ')}. Run scripts/install-clients.sh\n`)
    return false
  }
  const results = await compareAll()
  const totals = count(results.flatMap(({ verdicts }) => verdicts))
  const met = totals.same + totals.closes > 0 && totals.different === 0
  const compared = options.selfCheck ? 'without clones, twice' : 'without and with clones'
  if (options.json) {
    console.log(JSON.stringify({ node: process.version, compared, met, ...totals, results }))
  } else {
    printResults(results)
    console.log(
      `\n${compared}: ${totals.same} same, ${totals.closes} close, ${totals.known} known, ${totals.different} different`,
    )
  }
  return met
}

/** Runs the pairs of app and client, several at a time. */
async function compareAll(): Promise<Result[]> {
  const queue = options.apps.flatMap((app) =>
    options.clients.filter((client) => canAsk(client, app)).map((client) => ({ app, client })),
  )
  const results: Result[] = []
  const work = async () => {
    for (let pair = queue.shift(); pair; pair = queue.shift()) {
      const result = await compare(pair.app, pair.client)
      results.push(result)
      tell(result)
    }
  }
  await Promise.all(Array.from({ length: options.jobs }, work))
  return results
}

function canAsk(client: ClientName, app: string): boolean {
  return app !== 'https' || CLIENTS[client].heedsClose
}

async function compare(app: string, client: ClientName): Promise<Result> {
  const begun = performance.now()
  const { loadSeconds, selfCheck } = options
  const first = await seeSide({ app, client, clone: false, wrong: false, loadSeconds })
  const second = await seeSide({ app, client, clone: !selfCheck, wrong: app === BROKEN, loadSeconds })
  const verdicts = compareSides(first, second, !selfCheck)
  const seconds = rounded((performance.now() - begun) / 1000)
  return { app, client, seconds, clones: second.tally.clones, verdicts }
}

/** Prints differences as they appear. */
function tell(result: Result): void {
  const { app, client, seconds, verdicts } = result
  const { same, closes, known, different } = count(verdicts)
  process.stderr.write(
    `${app}, ${client}: ${same} same, ${closes} close, ${known} known, ${different} different, ${seconds} s\n`,
  )
  for (const verdict of verdicts) {
    if (verdict.verdict === 'different') process.stderr.write(inWords(result, verdict))
  }
}
