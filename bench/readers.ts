import { availableParallelism } from 'node:os'
import { readArgs } from '../harness/args.js'
import { expectRoomFor } from '../harness/proc.js'
import { program, report } from '../harness/program.js'
import { median, rounded } from '../harness/stats.js'
import { printTable } from '../harness/table.js'
import { type EachFigures, measureEach, serveEach } from './readers/each.js'
import { HEAP_ROOM_MIB, type IdleFigures, measureIdle, serveIdle, stayIdle } from './readers/idle.js'
import { generateLoad, type Load } from './readers/load.js'
import { KINDS, type Kind, type MemoryFigures, type Round, Rounds, type Window } from './readers/rounds.js'
import { serveByCluster, serveByReaders, servePlain, workInCluster } from './readers/serve.js'

const options = readArgs(
  `Usage: npm run bench -- readers [options]

Compares readers, which serve an HTTP server's connections from one heap, with one process and with \`node:cluster\`,
whose workers each have a copy of the data: requests per second, also per second of CPU time, and memory. Then with
updates of the data in the parent meanwhile: how late those are, and how old the data is that clients see. Then has
readers hand idle connections over, and gives each of many connections a reader to itself. The kinds take turns. With
\`node --import node-qclone/heap build/bench/readers.js\` the heaps are on huge pages.`,
  {
    'heap-mb': { about: 'heap of JavaScript objects, in MiB', fallback: 500, min: 10, max: 16_000 },
    readers: { about: 'readers, and workers of node:cluster', fallback: 2, min: 1, max: 64 },
    'max-age': { about: 'milliseconds from generation to generation', fallback: 1000, min: 10, max: 60_000 },
    connections: { about: 'connections that send requests', fallback: 64, min: 1, max: 4000 },
    rate: { about: 'updates a second', fallback: 10_000, min: 100, max: 1_000_000 },
    seconds: { about: 'length of a window', fallback: 5, min: 1, max: 300 },
    rounds: { about: 'windows of each kind; 0: none', fallback: 3, min: 0, max: 100 },
    idle: { about: 'idle connections; 0: none', fallback: 10_000, min: 0, max: 18_000 },
    'idle-heap-mb': {
      about: 'heap of their parent, and of that of each, in MiB',
      fallback: 100,
      min: 10,
      max: 16_000,
    },
    'idle-readers': { about: 'readers that have them', fallback: 4, min: 1, max: 64 },
    swaps: { about: 'generations that take them over', fallback: 5, min: 1, max: 1000 },
    each: { about: 'connections that have a reader each; 0: none', fallback: 1020, min: 0, max: 4000 },
  },
)

const LIMIT_MS = 1_800_000
/** Other descriptors of the process with the clients, and of the parent during handover. */
const OTHER_DESCRIPTORS = 500

const MIN_OF_CLUSTER = 0.95
const MIN_OF_ONE_PROCESS = 1.7
const MAX_MEMORY = 1.3
const MAX_P99_OF_UPDATES = 1.3
const MAX_BUSIEST_TO_IDLEST = 1.3
const MAX_APART = 1
/** Memory that kdb+ takes for each connection. */
const MOST_MIB_FOR_EACH = 64
/** Allowed staleness beyond `maxAge` and the fork. */
const STALENESS_ROOM_MS = 200

const serverOptions = {
  heapMib: options['heap-mb'],
  readers: options.readers,
  maxAge: options['max-age'],
}
const idleOptions = {
  heapMib: options['idle-heap-mb'],
  readers: options['idle-readers'],
  connections: options.idle,
  swaps: options.swaps,
}

const eachOptions = { heapMib: options['idle-heap-mb'], connections: options.each }

/** Figure with a bound. */
interface Judged {
  figure: string
  value: number
  bound: string
  met: boolean
}

function atLeast(figure: string, value: number, min: number): Judged {
  return { figure, value: rounded(value), bound: `at least ${rounded(min)}`, met: value >= min }
}

function atMost(figure: string, value: number, max: number): Judged {
  return { figure, value: rounded(value), bound: `at most ${rounded(max)}`, met: value <= max }
}

async function main(): Promise<boolean> {
  if (options.idle > 0) expectRoomFor(options.idle + OTHER_DESCRIPTORS, 'lower --idle')
  const { rounds, memory } = await measureRounds()
  const idle = options.idle > 0 ? await measureIdle(idleOptions, LIMIT_MS) : undefined
  const each = options.each > 0 ? await measureEach(eachOptions, LIMIT_MS) : undefined
  const judged = [
    ...judgeRounds(rounds, memory),
    ...(idle ? judgeIdle(idle) : []),
    ...(each ? judgeEach(each) : []),
  ]
  const node = process.version
  if (options.json) {
    console.log(JSON.stringify({ node, options, judged, rounds, memory, idle, each }))
  } else {
    console.log(
      `Node ${node}, ${availableParallelism()} CPUs, ${options.rounds} windows of each kind, medians\n`,
    )
    if (rounds.length > 0) printRounds(rounds, memory)
    for (const figures of [idle, each]) {
      if (!figures) continue
      report(figures, false)
      console.log()
    }
    printTable(judged.map((figure) => ({ ...figure })))
  }
  return judged.every(({ met }) => met)
}

async function measureRounds(): Promise<{ rounds: Round[]; memory: MemoryFigures[] }> {
  const rounds: Round[] = []
  if (options.rounds === 0) return { rounds, memory: [] }
  const flags = [`--max-old-space-size=${Math.ceil(options['heap-mb'] * 1.5) + HEAP_ROOM_MIB}`]
  const servers = new Rounds({ ...options, maxAge: options['max-age'] }, { flags, limitMs: LIMIT_MS })
  try {
    for (let i = 0; i < options.rounds; i++) {
      rounds.push(await servers.measure())
      process.stderr.write(`round ${i + 1} of ${options.rounds}\n`)
    }
    return { rounds, memory: await servers.measureMemory() }
  } finally {
    await servers.end()
  }
}

/** Median over the rounds; NaN where a kind has no such figure. */
function of(rounds: readonly Round[], kind: Kind, value: (window: Window) => number | undefined): number {
  return median(rounds.map((round) => value(round[kind]) ?? Number.NaN))
}

/** Median of the ratios of each round. */
function ratio(
  rounds: readonly Round[],
  one: Kind,
  other: Kind,
  value: (window: Window) => number | undefined,
) {
  return median(rounds.map((round) => (value(round[one]) as number) / (value(round[other]) as number)))
}

const perSecond = ({ load }: Window) => load?.perSecond
const perCpuSecond = ({ load }: Window) => load && load.requests / (load.serverCpuMs / 1000)
const p99 = ({ updates }: Window) => updates?.p99
const p99BesideForks = ({ updates }: Window) => updates?.p99BesideForks

function judgeRounds(rounds: readonly Round[], memory: readonly MemoryFigures[]): Judged[] {
  if (rounds.length === 0) return []
  const pss = (kind: Kind) => memory.find((figures) => figures.kind === kind)?.pssMib as number
  const served = rounds.map((round) => round['readers, updated'])
  const longestFork = Math.max(...served.map(({ updates }) => updates?.fork as number))
  const loads = rounds.flatMap((round) => KINDS.flatMap((kind) => round[kind].load ?? []))
  const spreads = rounds.flatMap((round) => [
    round.readers.spread?.mostApart as number,
    round['readers, updated'].spread?.mostApart as number,
  ])
  return [
    atMost(
      'connections that failed',
      loads.reduce((sum, { failed }) => sum + failed, 0),
      0,
    ),
    atLeast('requests/s, readers to cluster', ratio(rounds, 'readers', 'cluster', perSecond), MIN_OF_CLUSTER),
    atLeast(
      'requests/s, readers to one process',
      ratio(rounds, 'readers', 'one process', perSecond),
      MIN_OF_ONE_PROCESS,
    ),
    atMost('memory, readers to one process', pss('readers') / pss('one process'), MAX_MEMORY),
    atMost(
      'memory, updated, readers to one process',
      pss('readers, updated') / pss('one process, updated'),
      MAX_MEMORY,
    ),
    atMost(
      'p99 of updates, readers to nobody',
      ratio(rounds, 'readers, updated', 'nobody, updated', p99),
      MAX_P99_OF_UPDATES,
    ),
    atMost(
      'oldest data, ms',
      Math.max(...served.map(({ load }) => load?.staleMs as number)),
      options['max-age'] + STALENESS_ROOM_MS + longestFork,
    ),
    atMost(
      'requests, busiest to idlest reader',
      median(rounds.map(({ readers }) => busiestToIdlest(readers.load as Load))),
      MAX_BUSIEST_TO_IDLEST,
    ),
    atMost('connections that two readers differ', Math.max(...spreads), MAX_APART),
  ]
}

/** Ratio of the requests of the busiest and the idlest reader, in the generation that served most. */
function busiestToIdlest({ byReader }: Load): number {
  const generations = new Map<string, number[]>()
  for (const [reader, requests] of Object.entries(byReader)) {
    const [generation = ''] = reader.split('.')
    generations.set(generation, [...(generations.get(generation) ?? []), requests])
  }
  const sum = (counts: readonly number[]) => counts.reduce((sum, count) => sum + count, 0)
  const [most = []] = [...generations.values()].sort((a, b) => sum(b) - sum(a))
  // A reader without any request is not in the list.
  return most.length < options.readers ? Infinity : Math.max(...most) / Math.min(...most)
}

function judgeIdle({ connections, answered, closed, lost }: IdleFigures): Judged[] {
  return [
    atLeast('idle connections that answer after the swaps', answered, connections),
    atMost('idle connections that were closed', closed + lost, 0),
  ]
}

function judgeEach({ connections, answered, readers, mibPerConnection }: EachFigures): Judged[] {
  return [
    atLeast('connections with a reader each that answer', answered, connections),
    atLeast('their readers', readers, connections),
    atMost('memory for each, MiB', mibPerConnection, MOST_MIB_FOR_EACH),
  ]
}

function printRounds(rounds: readonly Round[], memory: readonly MemoryFigures[]): void {
  printLoads(rounds, memory)
  printUpdates(rounds)
  const spread = rounds.map((round) => round['readers, updated'].spread)
  report(
    {
      'requests per CPU second, readers to cluster': rounded(
        ratio(rounds, 'readers', 'cluster', perCpuSecond),
      ),
      'requests per CPU second, readers to one process': rounded(
        ratio(rounds, 'readers', 'one process', perCpuSecond),
      ),
      'p99 of updates beside forks, readers to nobody': rounded(
        ratio(rounds, 'readers, updated', 'nobody, updated', p99BesideForks),
      ),
      'generations in a window': median(spread.map((figures) => figures?.swaps as number)),
      'longest swap, ms': rounded(Math.max(...spread.map((figures) => figures?.swapMs as number))),
    },
    false,
  )
  console.log()
}

function printLoads(rounds: readonly Round[], memory: readonly MemoryFigures[]): void {
  const rows = KINDS.filter((kind) => !kind.startsWith('nobody')).map((kind) => {
    const figure = (name: keyof Load) => rounded(of(rounds, kind, ({ load }) => load?.[name] as number))
    const { processes = 0, pssMib = 0 } = memory.find((figures) => figures.kind === kind) ?? {}
    return {
      load: kind,
      'requests/s': Math.round(figure('perSecond')),
      'p50 ms': figure('p50Ms'),
      'p99 ms': figure('p99Ms'),
      'CPU s of load': rounded(figure('loadCpuMs') / 1000),
      'of servers': rounded(figure('serverCpuMs') / 1000),
      'requests per CPU s': Math.round(of(rounds, kind, perCpuSecond)),
      processes,
      'PSS MiB': Math.round(pssMib),
      'oldest ms': kind.endsWith('updated') ? Math.round(figure('staleMs')) : '-',
    }
  })
  printTable(rows)
  console.log()
}

function printUpdates(rounds: readonly Round[]): void {
  const rows = KINDS.filter((kind) => kind.endsWith('updated')).map((kind) => {
    const figure = (value: (updates: NonNullable<Window['updates']>) => number) =>
      rounded(of(rounds, kind, ({ updates }) => updates && value(updates)))
    return {
      updates: kind,
      'p50 ms': figure(({ p50 }) => p50),
      'p99 ms': figure(({ p99 }) => p99),
      'p99 beside forks': figure(({ p99BesideForks }) => p99BesideForks),
      'max ms': figure(({ max }) => max),
      forks: figure(({ forks }) => forks),
      'longest fork ms': figure(({ fork }) => fork),
    }
  })
  printTable(rows)
  console.log()
}

await program(
  {
    plain: () => servePlain(serverOptions),
    readers: () => serveByReaders(serverOptions),
    cluster: () => serveByCluster(serverOptions),
    worker: () => workInCluster(serverOptions),
    load: generateLoad,
    'idle server': () => serveIdle(idleOptions),
    'idle clients': stayIdle,
    'server of each': () => serveEach(eachOptions),
  },
  main,
)
