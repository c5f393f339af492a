import { readArgs } from '../harness/args.js'
import { openPart, program, report, runPart } from '../harness/program.js'
import { compareChildProcess, type TimingPart, timeOnDemand } from './spawns/child-process.js'
import { type LeakResult, lookForLeaks } from './spawns/leaks.js'

const options = readArgs(
  `Usage: npm run soak -- spawns [options]

Makes many clones of one process. Passes if descriptors, mappings and RSS return to their level, no zombie is left,
commands that run at the same time get their own statuses, and child_process.spawn takes at most 1.2 times as long as
before.`,
  {
    spawns: { about: 'clones to make', fallback: 10_000, min: 1, max: 10_000_000 },
    concurrency: { about: 'clones alive at once', fallback: 4, min: 1, max: 64 },
    'heap-mb': { about: 'heap for child_process.spawn, in MiB', fallback: 500, min: 1, max: 16_000 },
    clones: { about: 'clones between timings of child_process.spawn', fallback: 50, min: 1, max: 10_000 },
    seconds: { about: 'limit of each part', fallback: 900, min: 10, max: 86_400 },
  },
)

const MAX_RATIO = 1.2
/**
V8 grows the young generation to three times 16 MiB at some point during the soak, which would look like a leak.
*/
const SMALL_YOUNG_GENERATION = ['--max-semi-space-size=1']
/** Room besides the objects: for V8's young generation, and for garbage from filling the heap. */
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
