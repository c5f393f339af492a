import 'node-qclone/heap'
import { Feed } from '../lib/feed.js'
import { rerunWithHeapFor } from '../lib/heap.js'
import { loadWithProgress } from '../lib/load.js'
import { refuseUnlessCloneable, runExample } from '../lib/main.js'
import { Progress } from '../lib/progress.js'
import { type DemoOptions, readArgs, USAGE } from './args.js'
import { askClone, askInProcess } from './ask.js'
import { collectGarbage } from './measure.js'
import { runPhase } from './phase.js'
import { table as draw, json, type Report } from './report.js'
import { judge } from './verdict.js'

const BASELINE_SECONDS = 1
const WARM_UP_SECONDS = 0.3

process.exitCode = await runExample('demo', async () => {
  const options = readArgs(process.argv.slice(2))
  if (options.help) {
    process.stdout.write(USAGE)
    return 0
  }
  return (await rerunWithHeapFor(options.rows)) ?? demo(options)
})

async function demo(options: DemoOptions): Promise<number> {
  refuseUnlessCloneable()
  const report = await measure(options)
  process.stdout.write(options.json ? json(report) : `\n${draw(report)}`)
  return report.verdict.ok ? 0 : 1
}

async function measure({ rows, seconds, rate, parallel }: DemoOptions): Promise<Report> {
  const progress = new Progress()
  const startedAt = performance.now()
  const table = await loadWithProgress(rows, progress)
  const loadMs = performance.now() - startedAt
  const feed = new Feed(table, rate)

  // Runs both ways once without measuring, so that they start with compiled code.
  progress.step('warming up')
  await runPhase({ table, feed, seconds: WARM_UP_SECONDS })
  await askInProcess(table)
  collectGarbage()

  const baselineSeconds = Math.min(BASELINE_SECONDS, seconds)
  progress.step(`updates alone, ${baselineSeconds} s`)
  const baseline = await runPhase({ table, feed, seconds: baselineSeconds })

  progress.step(`queries in process, ${seconds} s`)
  const inProcess = await runPhase({ table, feed, seconds, ask: askInProcess })
  collectGarbage()

  progress.step(`queries in clones, ${seconds} s`)
  const clones = await runPhase({ table, feed, seconds, ask: askClone, parallel })

  progress.step('updates paused: one more query, both ways')
  const quiet = { inProcess: await askInProcess(table), clone: await askClone(table) }

  return {
    node: process.version,
    rows: table.flights.length,
    secondsEachWay: seconds,
    updatesPerSecond: rate,
    parallel,
    loadMs,
    baseline,
    inProcess,
    clones,
    verdict: judge({ inProcess, clones, quiet }),
    answer: quiet.inProcess.answer,
  }
}
