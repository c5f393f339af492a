import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readArgs } from '../harness/args.js'
import { children } from '../harness/proc.js'
import { program, report, runPart } from '../harness/program.js'
import { rounded } from '../harness/stats.js'
import { Churn } from './stress/churn.js'
import { Figures } from './stress/figures.js'
import { CLONE_LIMIT_MS, Lanes } from './stress/lanes.js'
import { Traffic } from './stress/traffic.js'

const options = readArgs(
  `Usage: npm run soak -- stress [options]

Clones a process that continuously allocates, collects garbage and compiles. Each clone does the same, and answers with
a checksum of the snapshot. Passes if no clone hangs, answers wrongly or fails.`,
  {
    forks: { about: 'clones to make', fallback: 2000, min: 1, max: 1_000_000 },
    concurrency: { about: 'clones alive at once', fallback: 4, min: 1, max: 64 },
    'heap-mb': { about: 'live heap of the parent, in MiB', fallback: 100, min: 1, max: 1500 },
    seconds: { about: 'time after which no more clones are made', fallback: 3600, min: 1, max: 86_400 },
  },
)

/** Time to start, and to finish pending work when time is up: `run` waits up to half a minute. */
const MARGIN_MS = 90_000 + 2 * CLONE_LIMIT_MS
const PROGRESS_MS = 30_000

interface Result extends ReturnType<Figures['summary']> {
  seconds: number
  ghostBytes: number
  childrenLeft: number
}

async function stress(): Promise<Result> {
  const begun = performance.now()
  const file = new URL(import.meta.url)
  const folder = mkdtempSync(join(tmpdir(), 'qclone-stress-'))
  const figures = new Figures()
  const churn = new Churn(options['heap-mb'])
  const traffic = new Traffic()
  const progress = setInterval(() => process.stderr.write(`${figures.progress()}\n`), PROGRESS_MS)
  try {
    await traffic.start()
    churn.start(file)
    const lanes = new Lanes({ churn, traffic, figures, file, folder })
    await lanes.go(options.forks, options.concurrency, begun + options.seconds * 1000)
    churn.stop()
    const ghostBytes = await traffic.stop()
    const seconds = rounded((performance.now() - begun) / 1000)
    return { ...figures.summary(), seconds, ghostBytes, childrenLeft: children().length }
  } finally {
    clearInterval(progress)
    // A clone that was just killed may still be creating a file there.
    rmSync(folder, { recursive: true, force: true, maxRetries: 10 })
  }
}

await program({ stress }, async () => {
  const result = await runPart<Result>('stress', { limitMs: options.seconds * 1000 + MARGIN_MS })
  report(result, options.json)
  const { forks, hangs, wrongAnswers, nonZeroExits, ghostBytes, childrenLeft } = result
  return (
    forks >= options.forks && hangs + wrongAnswers + nonZeroExits + ghostBytes === 0 && childrenLeft === 0
  )
})
