import { getHeapStatistics } from 'node:v8'
import { type ForkTimings, spawn } from 'node-qclone'
import { readArgs } from '../harness/args.js'
import { fillHeap, settle } from '../harness/heap.js'
import { countMappings } from '../harness/proc.js'
import { program, report, runPart } from '../harness/program.js'
import { median, rounded } from '../harness/stats.js'
import { type BareFork, loadBareFork } from './bare-fork/addon.js'

const options = readArgs(
  `Usage: npm run bench -- fork [options]

Compares the whole duration of \`spawn\` in the parent with a bare fork(2) of the same process with the same memory,
alternately. Passes if \`spawn\` takes at most 1.25 times as long.`,
  {
    'heap-mb': { about: 'heap of JavaScript objects, in MiB', fallback: 1000, min: 1, max: 16_000 },
    rounds: { about: 'pairs of forks', fallback: 40, min: 4, max: 10_000 },
  },
)

const MAX_RATIO = 1.25
/** For a smaller heap, which is measured but not judged. */
const SMALL_HEAP_MB = 30
/** The first forks compile this program and the library, and split shared page tables. */
const WARM_UP_ROUNDS = 6
/** Room besides the objects: for V8's young generation, and for garbage from filling the heap. */
const HEAP_ROOM_MB = 1000
const LIMIT_MS = 600_000

interface Result {
  heapMb: number
  rssMb: number
  mappings: number
  markedMappings: number
  rounds: number
  /** Medians, in milliseconds. */
  spawnMs: number
  bareForkMs: number
  timings: ForkTimings
  ratioOfMedians: number
  medianRatioOfPairs: number
}

async function measure(heapMb: number): Promise<Result> {
  const bare = loadBareFork()
  const rows = fillHeap(heapMb)
  const pairs: Pair[] = []
  for (let round = -WARM_UP_ROUNDS; round < options.rounds; round++) {
    const pair = await onePair(bare, round % 2 === 0)
    if (round >= 0) pairs.push(pair)
  }
  const spawnMs = median(pairs.map(({ spawnMs }) => spawnMs))
  const bareForkMs = median(pairs.map(({ bareForkMs }) => bareForkMs))
  const { used_heap_size } = getHeapStatistics()
  return {
    heapMb: Math.round(used_heap_size / 2 ** 20),
    rssMb: Math.round(process.memoryUsage.rss() / 2 ** 20),
    mappings: countMappings(),
    markedMappings: bare.look(),
    // Uses `rows`, so that they are not collected before.
    rounds: rows.length && pairs.length,
    spawnMs: rounded(spawnMs),
    bareForkMs: rounded(bareForkMs),
    timings: {
      censusMs: medianOf(pairs, 'censusMs'),
      mapsMs: medianOf(pairs, 'mapsMs'),
      forkMs: medianOf(pairs, 'forkMs'),
      totalMs: medianOf(pairs, 'totalMs'),
    },
    ratioOfMedians: rounded(spawnMs / bareForkMs),
    medianRatioOfPairs: rounded(median(pairs.map((pair) => pair.spawnMs / pair.bareForkMs))),
  }
}

interface Pair {
  spawnMs: number
  bareForkMs: number
  timings: ForkTimings
}

async function onePair(bare: BareFork, spawnFirst: boolean): Promise<Pair> {
  if (spawnFirst) {
    const spawned = await oneSpawn(bare)
    return { ...spawned, bareForkMs: await oneBareFork(bare) }
  }
  const bareForkMs = await oneBareFork(bare)
  return { ...(await oneSpawn(bare)), bareForkMs }
}

async function oneSpawn(bare: BareFork): Promise<Pick<Pair, 'spawnMs' | 'timings'>> {
  await getReady(bare)
  const begun = performance.now()
  const clone = spawn(() => 0)
  const spawnMs = performance.now() - begun
  const { status } = await clone.exited
  if (status !== 0) throw new Error(`clone ${clone.pid} exited with status ${status}`)
  return { spawnMs, timings: clone.timings }
}

async function oneBareFork(bare: BareFork): Promise<number> {
  await getReady(bare)
  bare.handDown()
  const ms = bare.bareFork()
  bare.takeBack()
  return ms
}

/** Prepares both kinds equally: reading smaps brings the data that fork(2) uses into the CPU's caches. */
async function getReady(bare: BareFork): Promise<void> {
  await settle()
  bare.look()
}

function medianOf(pairs: Pair[], name: keyof ForkTimings): number {
  return rounded(median(pairs.map(({ timings }) => timings[name])))
}

await program(
  {
    large: () => measure(options['heap-mb']),
    small: () => measure(SMALL_HEAP_MB),
  },
  async () => {
    const flags = (heapMb: number) => [`--max-old-space-size=${Math.ceil(heapMb * 1.5) + HEAP_ROOM_MB}`]
    const large = await runPart<Result>('large', { flags: flags(options['heap-mb']), limitMs: LIMIT_MS })
    const small = await runPart<Result>('small', { flags: flags(SMALL_HEAP_MB), limitMs: LIMIT_MS })
    const ratio = large.ratioOfMedians
    const met = ratio <= MAX_RATIO
    report({ node: process.version, ratio, maxRatio: MAX_RATIO, met, ...large, small }, options.json)
    return met
  },
)
