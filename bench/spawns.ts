import { readArgs } from './lib/args.js'
import { openPart, program, report, runPart } from './lib/program.js'
import { compareChildProcess, type TimingPart, timeOnDemand } from './spawns/child-process.js'
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
    seconds: { about: 'limit of each part', fallback: 900, min: 10, max: 86_400 },
  },
)

const MAX_RATIO = 1.2
/** V8 lets the young generation grow to three times 16 MiB at some time during the soak, which looks like a leak. */
const SMALL_YOUNG_GENERATION = ['--max-semi-space-size=1']
/** Room beside the objects: for V8's young generation, and for what filling the heap leaves behind. */
const HEAP_ROOM_MB = 1000

await program(
  {
    leaks: () => lookForLeaks(options.spawns, options.concurrency),
    childProcess: () => timeOnDemand(options['heap-mb']),
  },
  async () => {
    const limitMs = options.seconds * 1000
    const flags = [`--max-old-space-size=${Math.ceil(options['heap-mb'] * 1.5) + HEAP_ROOM_MB}`]
    const leaks = await runPart<LeakResult>('leaks', { flags: SMALL_YOUNG_GENERATION, limitMs })
    const subject: TimingPart = openPart('childProcess', { flags, limitMs })
    const control: TimingPart = openPart('childProcess', { flags, limitMs })
    const childProcess = await compareChildProcess(subject, control, options.clones)
    await Promise.all([subject.end(), control.end()])
    const met = leaks.met && childProcess.ratio <= MAX_RATIO
    report({ node: process.version, met, leaks, maxRatio: MAX_RATIO, childProcess }, options.json)
    return met
  },
)
