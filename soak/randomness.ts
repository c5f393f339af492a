import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readArgs } from '../harness/args.js'
import { children } from '../harness/proc.js'
import { program, report, runPart } from '../harness/program.js'
import { printTable } from '../harness/table.js'
import { CLONES_IN_ROUND, Clan, type Family } from './randomness/family.js'
import { judge, RUN_LENGTH, type Verdict } from './randomness/judge.js'

const options = readArgs(
  `Usage: npm run soak -- randomness [options]

A process and its clones draw from every source of randomness. Passes if values, and runs of ${RUN_LENGTH} values,
repeat no more often than by chance: by the birthday bound, never if fewer than 0.01 repeats are expected.`,
  {
    clones: { about: 'clones to make, rounded up to tens', fallback: 200, min: CLONES_IN_ROUND, max: 5000 },
    draws: { about: 'draws per process and source', fallback: 1000, min: 16, max: 10_000 },
    seconds: { about: 'limit', fallback: 600, min: 10, max: 86_400 },
  },
)

interface Result extends Omit<Family, 'draws'> {
  processes: number
  sources: Verdict[]
  childrenLeft: number
}

async function drawAndJudge(): Promise<Result> {
  const folder = mkdtempSync(join(tmpdir(), 'qclone-randomness-'))
  try {
    // An even number, as a clone that makes another clone draws half before and half after.
    const clan = new Clan(options.draws + (options.draws % 2), folder)
    const { draws, ...family } = await clan.make(Math.ceil(options.clones / CLONES_IN_ROUND))
    return { ...family, processes: draws.length, sources: judge(draws), childrenLeft: children().length }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

await program({ drawAndJudge }, async () => {
  const { sources, ...result } = await runPart<Result>('drawAndJudge', { limitMs: options.seconds * 1000 })
  const complete = result.processes === result.bySpawn + result.byRun + 1
  const met =
    complete &&
    result.failed + result.childrenLeft === 0 &&
    sources.every(({ judged, met }) => met || !judged)
  const figures = { node: process.version, met, ...result }
  if (options.json) {
    report({ ...figures, sources }, true)
    return met
  }
  report(figures, false)
  printTable(
    sources.map(({ expected, expectedRuns, ...rest }) => ({
      ...rest,
      expected: expected.toPrecision(2),
      expectedRuns: expectedRuns.toPrecision(2),
    })),
  )
  return met
})
