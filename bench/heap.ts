import { execFileSync } from 'node:child_process'
import { readArgs } from '../harness/args.js'
import { program, runPart } from '../harness/program.js'
import { median, rounded } from '../harness/stats.js'
import { printTable } from '../harness/table.js'
import type { Cold } from './heap/cold.js'
import type { Forks } from './heap/forks.js'
import type { Steady } from './heap/steady.js'
import type { Toil } from './heap/toil.js'

const options = readArgs(
  `Usage: npm run bench -- heap [options]

Compares parents whose V8 heap lies as V8 lays it (off), together (dense), and together on huge pages (huge): what a
clone costs them, and what their own work does. Each figure comes from processes of its own, in turns.`,
  {
    'heap-mb': {
      about: 'the large heap of JavaScript objects, in MiB',
      fallback: 1000,
      min: 100,
      max: 16_000,
    },
    pairs: { about: 'processes of each kind', fallback: 3, min: 1, max: 100 },
    forks: { about: 'whether forks are measured, 0 or 1', fallback: 1, min: 0, max: 1 },
    work: { about: "whether the parent's own work is measured, 0 or 1", fallback: 1, min: 0, max: 1 },
    steady: {
      about: 'seconds of steady load for each way of upkeep, 0 for none',
      fallback: 20,
      min: 0,
      max: 3600,
    },
    warm: { about: 'whether `warm` is measured, 0 or 1', fallback: 1, min: 0, max: 1 },
    dense: { about: 'whether `dense` takes part, 0 or 1', fallback: 1, min: 0, max: 1 },
  },
)

const SMALL_HEAP_MB = 100
const HEAP_ROOM_MB = 1000
const LIMIT_MS = 300_000

const MODES = options.dense ? (['off', 'dense', 'huge'] as const) : (['off', 'huge'] as const)
type Mode = 'off' | 'dense' | 'huge'

const KINDS = {
  objects: async () => (await import('./heap/forks.js')).forksOfObjects(options['heap-mb']),
  small: async () => (await import('./heap/forks.js')).forksOfObjects(SMALL_HEAP_MB),
  array: async () => (await import('./heap/forks.js')).forksOfArray(options['heap-mb']),
  toil: async () => (await import('./heap/toil.js')).toil(),
}
type Kind = keyof typeof KINDS
const ASKED = (Object.keys(KINDS) as Kind[]).filter((kind) =>
  kind === 'toil' ? options.work : options.forks,
)

const STEADY_HEAP_MB = 500
const WARM_BUDGET_MS = 5
/** Ways of upkeep: `QCLONE_HEAP` and `QCLONE_HEAP_UPKEEP`. */
const WAYS = ['off off', 'huge off', 'huge unshared', 'huge all'] as const
type Way = (typeof WAYS)[number]

/** Maximum ratio of huge to off for a figure. */
interface Bound {
  readonly name: string
  readonly max: number
  readonly ratio: (huge: Figures, off: Figures) => number
  readonly kind: Kind
}

interface Figures {
  objects: Forks
  small: Forks
  array: Forks
  toil: Toil
}

const BOUNDS: readonly Bound[] = [
  {
    kind: 'objects',
    name: 'spawn, objects',
    max: 0.1,
    ratio: (a, b) => a.objects.spawnMs / b.objects.spawnMs,
  },
  { kind: 'objects', name: 'run, objects', max: 0.15, ratio: (a, b) => a.objects.runMs / b.objects.runMs },
  {
    kind: 'objects',
    name: 'page tables of a clone',
    max: 0.12,
    ratio: (a, b) => a.objects.pageTablesKib / b.objects.pageTablesKib,
  },
  {
    kind: 'objects',
    name: 'page tables of 30 clones',
    max: 0.15,
    ratio: (a, b) => a.objects.crowdKib / b.objects.crowdKib,
  },
  { kind: 'small', name: `run, ${SMALL_HEAP_MB} MB`, max: 1, ratio: (a, b) => a.small.runMs / b.small.runMs },
  {
    kind: 'array',
    name: 'spawn, Float64Array',
    max: 0.06,
    ratio: (a, b) => a.array.spawnMs / b.array.spawnMs,
  },
  { kind: 'objects', name: 'RSS', max: 1.03, ratio: (a, b) => a.objects.rssMib / b.objects.rssMib },
  {
    kind: 'toil',
    name: 'work, geometric mean',
    max: 1 / 1.2,
    ratio: (a, b) => geometricMean(workRatios(a, b)),
  },
  {
    kind: 'toil',
    name: 'work, the slowest kind',
    max: 1 / 0.95,
    ratio: (a, b) => Math.max(...workRatios(a, b)),
  },
]

function workRatios(one: Figures, other: Figures): number[] {
  return Object.entries(one.toil.times).map(([name, ms]) => ms / (other.toil.times[name] as number))
}

function geometricMean(values: readonly number[]): number {
  return Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length)
}

/**
Touches memory in a separate process. A hypervisor that reclaims free memory (free page reporting of virtio's balloon)
makes the first touch of a page slow: a huge page is up to 30 times slower, while small pages come from memory that the
hypervisor does not reclaim. So each way begins right after this much memory was in use.
*/
function backMemory(): void {
  const script = `Buffer.alloc(${TOUCHED_MB} * 2 ** 20).fill(1)`
  execFileSync(process.execPath, ['--import', 'node-qclone/heap', '-e', script], {
    env: { ...process.env, QCLONE_HEAP: 'huge' },
  })
}

const TOUCHED_MB = 1500

/** Runs `kind` in this process, with its heap laid out by `mode`. */
async function play(kind: Kind, mode: Mode): Promise<Forks | Toil> {
  backMemory()
  process.env.QCLONE_HEAP = mode
  await import('node-qclone/heap')
  return KINDS[kind]()
}

async function playSteady(way: Way): Promise<Steady> {
  backMemory()
  const [mode, upkeep] = way.split(' ')
  process.env.QCLONE_HEAP = mode
  process.env.QCLONE_HEAP_UPKEEP = upkeep
  await import('node-qclone/heap')
  const { steady } = await import('./heap/steady.js')
  return steady(STEADY_HEAP_MB, options.steady)
}

/** Figure with a bound. */
interface Judged {
  figure: string
  value: number
  max: number
  met: boolean
}

function judged(figure: string, value: number, max: number): Judged {
  return { figure, value: rounded(value), max: rounded(max), met: value <= max }
}

async function main(): Promise<boolean> {
  const steady = options.steady ? await measureSteady() : []
  const cold = options.warm ? await runPart<Cold>('warm', PART) : undefined
  const rounds = ASKED.length > 0 ? await measureModes() : []
  const bounds = [...judgeSteady(steady), ...judgeCold(cold), ...judgeModes(rounds)]
  if (options.json) {
    console.log(JSON.stringify({ node: process.version, bounds, steady, cold, rounds }))
  } else {
    console.log(`Node ${process.version}, ${options.pairs} processes of each kind, medians\n`)
    if (steady.length > 0) printSteady(steady)
    if (cold) printTable([{ ...cold }])
    for (const kind of ASKED) kind === 'toil' ? printToil(rounds) : printForks(kind, rounds)
    printTable(bounds.map((bound) => ({ ...bound })))
  }
  return bounds.every(({ met }) => met)
}

/** Calls `measure` for each way, in alternating order. */
async function inTurns<W extends string, F>(ways: readonly W[], measure: (way: W) => Promise<F>) {
  const rounds: Array<Record<W, F>> = []
  for (let pair = 0; pair < options.pairs; pair++) {
    const round = {} as Record<W, F>
    for (const way of pair % 2 ? [...ways].reverse() : ways) round[way] = await measure(way)
    rounds.push(round)
  }
  return rounds
}

type SteadyRound = Record<Way, Steady>

function measureSteady(): Promise<SteadyRound[]> {
  return inTurns(WAYS, (way) => runPart<Steady>(`steady:${way}`, PART))
}

function judgeSteady(rounds: readonly SteadyRound[]): Judged[] {
  if (rounds.length === 0) return []
  const of = (figure: (round: SteadyRound) => number) => median(rounds.map(figure))
  const stillRatio = of((round) => round['huge all'].stillMs / round['off off'].stillMs)
  const lateRatio = of((round) => round['huge all'].p99Ms / round['off off'].p99Ms)
  return [
    judged('steady load: time that a fork takes, huge to off', stillRatio, 0.2),
    judged('steady load: p99 of updates, huge to off', lateRatio, 1),
    judged(
      'steady load: share of a core for upkeep',
      of((round) => round['huge all'].helperShare),
      0.1,
    ),
  ]
}

function judgeCold(cold: Cold | undefined): Judged[] {
  if (!cold) return []
  return [
    judged('warm: memory that keys cost a clone, after to before', cold.warmMib / cold.coldMib, 1 / 20),
    judged('warm: longest stall, ms', cold.longestStallMs, WARM_BUDGET_MS + 2),
  ]
}

function printSteady(rounds: readonly SteadyRound[]): void {
  printTable(
    WAYS.map((way) => {
      const of = (name: keyof Steady) => rounded(median(rounds.map((round) => round[way][name])))
      const ratio = median(rounds.map((round) => round[way].stillMs / round['off off'].stillMs))
      return {
        'steady load': way,
        'blocked ms': of('stillMs'),
        'fork ms': of('forkMs'),
        'to off': rounded(ratio),
        'p50 ms': of('p50Ms'),
        'p99 ms': of('p99Ms'),
        'share of helper': of('helperShare'),
        'share of process': of('share'),
        'RSS MiB': of('rssMib'),
      }
    }),
  )
  console.log()
}

type ModesRound = Record<Mode, Figures>

async function measureModes(): Promise<ModesRound[]> {
  const rounds = Array.from({ length: options.pairs }, () => ({ off: {}, dense: {}, huge: {} }))
  for (const kind of ASKED) {
    const figures = await inTurns(MODES, (mode) => runPart(`${kind}:${mode}`, PART))
    for (const [pair, round] of figures.entries()) {
      for (const mode of MODES) Object.assign(rounds[pair]?.[mode] ?? {}, { [kind]: round[mode] })
    }
  }
  return rounds as unknown as ModesRound[]
}

function judgeModes(rounds: readonly ModesRound[]): Judged[] {
  return BOUNDS.filter(({ kind }) => ASKED.includes(kind)).map(({ name, max, ratio }) =>
    judged(`${name}, huge to off`, median(rounds.map(({ huge, off }) => ratio(huge, off))), max),
  )
}

const PART = {
  flags: [`--max-old-space-size=${Math.ceil(options['heap-mb'] * 1.5) + HEAP_ROOM_MB}`],
  limitMs: LIMIT_MS,
}

function printForks(kind: 'objects' | 'small' | 'array', rounds: readonly ModesRound[]): void {
  const last = rounds.at(-1) as Record<Mode, Figures>
  const of = (mode: Mode, name: 'spawnMs' | 'forkMs' | 'mapsMs' | 'censusMs' | 'runMs' | 'rssMib') =>
    rounded(median(rounds.map((round) => round[mode][kind][name])))
  const rows = MODES.map((mode) => ({
    [kind]: last[mode][kind].mode,
    'spawn ms': of(mode, 'spawnMs'),
    'fork ms': of(mode, 'forkMs'),
    'maps ms': of(mode, 'mapsMs'),
    'census ms': of(mode, 'censusMs'),
    'run ms': of(mode, 'runMs'),
    'page tables KiB': last[mode][kind].pageTablesKib,
    'of 30': last[mode][kind].crowdKib,
    'RSS MiB': of(mode, 'rssMib'),
    'huge MiB': last[mode][kind].hugeMib,
    mappings: last[mode][kind].mappings,
  }))
  printTable(rows)
  console.log()
}

function printToil(rounds: readonly ModesRound[]): void {
  const names = Object.keys((rounds[0] as Record<Mode, Figures>).off.toil.times)
  const of = (mode: Mode, name: string) =>
    median(rounds.map((round) => round[mode].toil.times[name] as number))
  printTable(
    names.map((name) => ({
      'CPU ms': name,
      ...Object.fromEntries(MODES.map((mode) => [mode, of(mode, name)])),
      'huge/off': rounded(of('huge', name) / of('off', name)),
    })),
  )
  console.log()
}

const parts = Object.keys(KINDS).flatMap((kind) =>
  (['off', 'dense', 'huge'] as const).map((mode): [string, () => Promise<unknown>] => [
    `${kind}:${mode}`,
    () => play(kind as Kind, mode),
  ]),
)

const steadyParts = WAYS.map((way): [string, () => Promise<unknown>] => [
  `steady:${way}`,
  () => playSteady(way),
])
const warmPart = async () => (await import('./heap/cold.js')).cold(WARM_BUDGET_MS)

await program(Object.fromEntries([...parts, ...steadyParts, ['warm', warmPart]]), main)
