import { readArgs } from './lib/args.js'
import { program, report, runPart } from './lib/program.js'
import { median, rounded } from './lib/stats.js'
import { type ChildProcessResult, timeChildProcess } from './spawns/child-process.js'
import { type LeakResult, lookForLeaks } from './spawns/leaks.js'

const options = readArgs(
  `Usage: npm run soak:spawns -- [options]

Makes many clones of one process. Met when descriptors, mappings and RSS are where they were, no zombie is left,
commands run meanwhile get their own statuses, and child_process.spawn is at most 1.2 times slower than before.`,
  {
    spawns: { about: 'clones to make', fallback: 10_000, min: 1, max: 10_000_000 },
    concurrency: { about: 'clones alive at once', fallback: 4, min: 1, max: 64 },
    'heap-mb': { about: 'heap for child_process.spawn, in MiB', fallback: 500, min: 1, max: 16_000 },
    clones: { about: 'clones between its timings', fallback: 50, min: 1, max: 10_000 },
    repeats: { about: 'times to time it, in fresh processes', fallback: 3, min: 1, max: 100 },
    seconds: { about: 'limit of each part', fallback: 900, min: 10, max: 86_400 },
  },
)

const MAX_RATIO = 1.2
/** V8 lets the young generation grow to three times 16 MiB at some time during the soak, which looks like a leak. */
const SMALL_YOUNG_GENERATION = ['--max-semi-space-size=1']
/** Room beside the objects: for V8's young generation, and for what filling the heap leaves behind. */
const HEAP_ROOM_MB = 1000

function medianRatio(results: ChildProcessResult[]): number {
  return rounded(median(results.map(({ ratio }) => ratio)))
}

await program(
  {
    leaks: () => lookForLeaks(options.spawns, options.concurrency),
    withClones: () => timeChildProcess(options['heap-mb'], options.clones, true),
    withoutClones: () => timeChildProcess(options['heap-mb'], options.clones, false),
  },
  async () => {
    const limitMs = options.seconds * 1000
    const flags = [`--max-old-space-size=${Math.ceil(options['heap-mb'] * 1.5) + HEAP_ROOM_MB}`]
    const leaks = await runPart<LeakResult>('leaks', { flags: SMALL_YOUNG_GENERATION, limitMs })
    const withClones: ChildProcessResult[] = []
    const withoutClones: ChildProcessResult[] = []
    for (let i = 0; i < options.repeats; i++) {
      withClones.push(await runPart<ChildProcessResult>('withClones', { flags, limitMs }))
      withoutClones.push(await runPart<ChildProcessResult>('withoutClones', { flags, limitMs }))
    }
    const ratio = medianRatio(withClones)
    const childProcess = {
      ratio,
      maxRatio: MAX_RATIO,
      // Without any clone: what the heap's new shape does, and the machine's other work.
      ratioOfControl: medianRatio(withoutClones),
      met: ratio <= MAX_RATIO,
    }
    const met = leaks.met && childProcess.met
    report({ node: process.version, met, leaks, childProcess, withClones, withoutClones }, options.json)
    return met
  },
)
