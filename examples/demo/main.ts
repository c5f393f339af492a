import { check } from 'node-qclone'

import { type DemoOptions, readArgs, USAGE } from './args.js'
import { askClone, askInProcess } from './ask.js'
import { DemoError } from './errors.js'
import { Feed } from './feed.js'
import { rerunWithHeapFor } from './heap.js'
import { loadFlights } from './load.js'
import { collectGarbage } from './measure.js'
import { runPhase } from './phase.js'
import { Progress } from './progress.js'
import { table as draw, json, type Report } from './report.js'
import type { FlightTable } from './table.js'
import { judge } from './verdict.js'

const BASELINE_SECONDS = 1
const WARM_UP_SECONDS = 0.3

process.exitCode = await main(process.argv.slice(2))

async function main(argv: readonly string[]): Promise<number> {
  try {
    const options = readArgs(argv)
    if (options.help) {
      process.stdout.write(USAGE)
      return 0
    }
    return rerunWithHeapFor(options.rows) ?? (await demo(options))
  } catch (error) {
    if (!(error instanceof DemoError)) throw error
    process.stderr.write(`demo: ${error.message}\n`)
    return error.code === 'ERR_DEMO_USAGE' ? 2 : 1
  }
}

async function demo(options: DemoOptions): Promise<number> {
  refuseUnlessClonable()
  const report = await measure(options)
  process.stdout.write(options.json ? json(report) : `\n${draw(report)}`)
  return report.verdict.ok ? 0 : 1
}

function refuseUnlessClonable(): void {
  const report = check()
  if (!report.ok) {
    throw new DemoError('ERR_DEMO_CANNOT_CLONE', `this process cannot be cloned: ${report.reason}`)
  }
}

async function measure({ rows, seconds, rate, parallel }: DemoOptions): Promise<Report> {
  const progress = new Progress()
  const startedAt = performance.now()
  const table = await load(rows, progress)
  const loadMs = performance.now() - startedAt
  const feed = new Feed(table, rate)

  // Once unmeasured, so that both ways start with compiled code.
  progress.step('warming up')
  await runPhase({ table, feed, seconds: WARM_UP_SECONDS })
  await askInProcess(table)
  collectGarbage()

  const baselineSeconds = Math.min(BASELINE_SECONDS, seconds)
  progress.step(`updates alone, ${baselineSeconds} s`)
  const baseline = await runPhase({ table, feed, seconds: baselineSeconds })

  progress.step(`asking in process, ${seconds} s`)
  const inProcess = await runPhase({ table, feed, seconds, ask: askInProcess })
  collectGarbage()

  progress.step(`asking in clones, ${seconds} s`)
  const clones = await runPhase({ table, feed, seconds, ask: askClone, parallel })

  progress.step('updates paused: asking once more, both ways')
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

async function load(rows: number, progress: Progress): Promise<FlightTable> {
  const startedAt = performance.now()
  return loadFlights(rows, (loaded) => {
    const perSecond = Math.round((loaded / (performance.now() - startedAt)) * 1000)
    const text = `${loaded.toLocaleString('en-US')} flights loaded, ${perSecond.toLocaleString('en-US')}/s`
    progress.bar(loaded / rows, text)
  })
}
