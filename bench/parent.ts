import { getPriority } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'
import { handlers, type RunOptions, run, stopAll } from 'node-qclone'
import { Piscina } from 'piscina'
import { readArgs } from '../harness/args.js'
import { fillHeap, gc, type Row, settle } from '../harness/heap.js'
import { program, report, runPart } from '../harness/program.js'
import { percentile, rounded } from '../harness/stats.js'
import { compute } from './parent/compute.js'

const options = readArgs(
  `Usage: npm run bench -- parent [options]

A parent applies updates to a live table while others compute without pause:

- nobody, measured before each of the following
- clones at their default priority, at the parent's priority, and on idle CPUs only
- in another process, threads of piscina with a copy of a tenth of the data

Passes if, once all clones at default priority are made, the 99th percentile of the updates' delay is at most twice that
with nobody, and the longest stall, including forks, exceeds the longest fork by at most 10 ms.`,
  {
    'heap-mb': { about: 'heap of JavaScript objects, in MiB', fallback: 500, min: 50, max: 16_000 },
    clones: { about: 'who compute', fallback: 8, min: 1, max: 64 },
    rate: { about: 'updates a second', fallback: 20_000, min: 1000, max: 1_000_000 },
    seconds: { about: 'length of a window', fallback: 8, min: 2, max: 300 },
    rounds: { about: 'windows of each kind', fallback: 3, min: 1, max: 100 },
  },
)

const MAX_RATIO = 2
const MAX_STALL_BEYOND_FORK_MS = 10
const LIMIT_MS = 900_000
/** A piscina thread gets one in this many rows, as full copies for each thread would not fit. */
const SHARE_OF_A_THREAD = 10

/** In milliseconds. */
interface Window {
  p50: number
  p99: number
  /** Includes the time in which the clones are made. */
  p99WithForks: number
  max: number
  /** Longest time between two checks for due updates. */
  stall: number
  /** Longest time for which a fork blocked the parent. */
  fork: number
}

/** Applies updates as they fall due, for one window. `others` starts with the window. */
async function measure(rows: Row[], others: () => Promise<unknown>): Promise<Window> {
  const delays: number[] = []
  /** Number of updates that fell due while the others were being made. */
  let firstSteady = 0
  let stall = 0
  let longestFork = 0
  const undo = handlers.newClone.shim((prev, clone, kind) => {
    longestFork = Math.max(longestFork, clone.timings.totalMs)
    // Updates that fell due during the fork are not applied yet.
    firstSteady = Math.floor(((performance.now() - begun) * options.rate) / 1000)
    prev(clone, kind)
  })
  const begun = performance.now()
  const ends = others()
  const total = options.rate * options.seconds
  let last = begun
  for (let done = 0; done < total; ) {
    await delay(1)
    const now = performance.now()
    stall = Math.max(stall, now - last)
    last = now
    const due = Math.min(total, Math.floor(((now - begun) * options.rate) / 1000))
    for (; done < due; done++) {
      const row = rows[(done * 7919) % rows.length] as Row
      row.c += 1
      delays.push(performance.now() - begun - (done * 1000) / options.rate)
    }
  }
  undo()
  await ends
  const steady = delays.slice(firstSteady)
  return {
    p50: rounded(percentile(steady, 0.5)),
    p99: rounded(percentile(steady, 0.99)),
    p99WithForks: rounded(percentile(delays, 0.99)),
    max: rounded(percentile(delays, 1)),
    stall: rounded(stall),
    fork: rounded(longestFork),
  }
}

/** Makes clones that compute until the window is over. */
function clones(cloneOptions: RunOptions): () => Promise<unknown> {
  const ms = options.seconds * 1000
  const until = () => Date.now() + ms
  return async () => {
    const end = until()
    const running = Array.from({ length: options.clones }, () =>
      run.with({ ...cloneOptions, timeout: 3 * ms })(() => compute(end)),
    )
    await Promise.allSettled(running)
    await stopAll({ killSignal: 'SIGKILL' })
  }
}

type Kind = 'nobody' | 'clones' | 'clonesAtParentsPriority' | 'clonesWhenIdle'

async function withClones(): Promise<Record<Kind, Window>> {
  const rows = fillHeap(options['heap-mb'])
  const kinds: Record<Kind, () => Promise<unknown>> = {
    nobody: async () => {},
    clones: clones({}),
    clonesAtParentsPriority: clones({ priority: getPriority() }),
    clonesWhenIdle: clones({ priority: 'idle' }),
  }
  // The first forks compile the library.
  await run(() => 0)
  return inTurns(kinds, async (others) => {
    gc()
    // V8's threads continue sweeping for a while, and the parent would wait for them.
    await settle()
    return measure(rows, others)
  })
}

async function withThreads(): Promise<Record<'nobody' | 'threads', Window>> {
  const rows = fillHeap(options['heap-mb'])
  const pool = new Piscina({
    filename: new URL('./parent/compute.js', import.meta.url).href,
    minThreads: options.clones,
    maxThreads: options.clones,
    workerData: rows.slice(0, rows.length / SHARE_OF_A_THREAD),
  })
  const threads = async () => {
    const end = Date.now() + options.seconds * 1000
    await Promise.all(Array.from({ length: options.clones }, () => pool.run(end)))
  }
  // Waits until each thread has its copy.
  await Promise.all(Array.from({ length: options.clones }, () => pool.run(Date.now() + 200)))
  const windows = await inTurns({ nobody: async () => {}, threads }, (others) => {
    gc()
    // V8's threads are still sweeping. While a Worker exists, nothing reports when they finish.
    return measure(rows, others)
  })
  await pool.destroy()
  return windows
}

/**
Measures windows of each kind alternately, `nobody` before each other kind, after one warm-up window. Returns the
medians of each kind.
*/
async function inTurns<K extends string>(
  kinds: Record<K | 'nobody', () => Promise<unknown>>,
  measureOne: (others: () => Promise<unknown>) => Promise<Window>,
): Promise<Record<K | 'nobody', Window>> {
  const names = Object.keys(kinds) as Array<K | 'nobody'>
  const windows = new Map(names.map((name) => [name, [] as Window[]]))
  const measureFor = async (name: K | 'nobody') => windows.get(name)?.push(await measureOne(kinds[name]))
  // V8 collects the garbage from filling the heap.
  await measureOne(kinds.nobody)
  for (let round = 0; round < options.rounds; round++) {
    for (const name of names) {
      if (name === 'nobody') continue
      await measureFor('nobody')
      await measureFor(name)
    }
  }
  const middle = (all: Window[]): Window => ({
    p50: median(all, 'p50'),
    p99: median(all, 'p99'),
    p99WithForks: median(all, 'p99WithForks'),
    max: median(all, 'max'),
    // Maximum over all windows, since no window may have a stall.
    stall: Math.max(...all.map(({ stall }) => stall)),
    fork: Math.max(...all.map(({ fork }) => fork)),
  })
  return Object.fromEntries(names.map((name) => [name, middle(windows.get(name) ?? [])])) as Record<
    K | 'nobody',
    Window
  >
}

function median(all: Window[], name: keyof Window): number {
  return percentile(
    all.map((window) => window[name]),
    0.5,
  )
}

await program({ clones: withClones, threads: withThreads }, async () => {
  const flags = [`--max-old-space-size=${options['heap-mb'] * 3 + 2000}`]
  const own = await runPart<Record<Kind, Window>>('clones', { flags, limitMs: LIMIT_MS })
  const threads = await runPart<Record<'nobody' | 'threads', Window>>('threads', { flags, limitMs: LIMIT_MS })
  const ratio = (window: Window, nobody: Window) => rounded(window.p99 / nobody.p99)
  const p99Ratio = {
    clones: ratio(own.clones, own.nobody),
    clonesAtParentsPriority: ratio(own.clonesAtParentsPriority, own.nobody),
    clonesWhenIdle: ratio(own.clonesWhenIdle, own.nobody),
    threads: ratio(threads.threads, threads.nobody),
  }
  const stallBeyondFork = rounded(own.clones.stall - own.clones.fork)
  const met = p99Ratio.clones <= MAX_RATIO && stallBeyondFork <= MAX_STALL_BEYOND_FORK_MS
  report(
    {
      node: process.version,
      met,
      p99Ratio,
      stallBeyondFork,
      ...own,
      nobodyBesideThreads: threads.nobody,
      threads: threads.threads,
    },
    options.json,
  )
  return met
})
