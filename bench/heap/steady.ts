import { subscribe } from 'node:diagnostics_channel'
import { run, type Signs } from 'node-qclone'
import { fillHeap, gc, type Row, row, settle } from '../../harness/heap.js'
import { readThreadFiles } from '../../harness/proc.js'
import { Random } from '../../harness/random.js'
import { median, percentile, rounded } from '../../harness/stats.js'

/** Cost of successive clones to a parent with continuous updates. Times are in milliseconds. */
export interface Steady {
  /** Medians of the time for which a fork blocked the parent, and of fork(2) within it. */
  stillMs: number
  forkMs: number
  /** Delay of updates. */
  p50Ms: number
  p99Ms: number
  /** CPU time of the helper thread, as a share of a core. */
  helperShare: number
  /** CPU time of the parent, as a share of a core. */
  share: number
  rssMib: number
}

const UPDATES_PER_MS = 10
/** One in this many updates replaces its object. */
const REPLACING = 5
const CLONE_EVERY_MS = 500
const CLONE_LIVES_MS = 1000
const WARM_UP_MS = 3000

/** Applies 10,000 updates per second for `seconds`, and makes a clone that lives one second every half second. */
export async function steady(mib: number, seconds: number): Promise<Steady> {
  const rows = fillHeap(mib)
  gc()
  await settle()
  const late: number[] = []
  const stills: number[] = []
  const forks: number[] = []
  const ends: Promise<unknown>[] = []
  const begun = performance.now()
  const measured = () => performance.now() - begun > WARM_UP_MS
  let due = begun
  const random = new Random(1, 0)
  const update = () => {
    const now = performance.now()
    for (; due <= now; due++) {
      for (let i = 0; i < UPDATES_PER_MS; i++) {
        const at = random.below(rows.length)
        if (random.oneIn(REPLACING)) rows[at] = row(at)
        else (rows[at] as Row).c = now
      }
      if (measured()) late.push(performance.now() - due)
    }
  }
  const note = (message: unknown) => {
    const { timings } = message as Signs['qclone:forked']
    if (!measured()) return
    stills.push(timings.totalMs)
    forks.push(timings.forkMs)
  }
  subscribe('qclone:forked', note)
  const updating = setInterval(update, 1)
  const cloning = setInterval(() => {
    // `run` waits for V8's threads without blocking.
    ends.push(run(() => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, CLONE_LIVES_MS)))
  }, CLONE_EVERY_MS)
  await new Promise((resolve) => setTimeout(resolve, WARM_UP_MS))
  const before = process.cpuUsage()
  const helperBefore = helperMs()
  await new Promise((resolve) => setTimeout(resolve, seconds * 1000))
  const { user, system } = process.cpuUsage(before)
  const helper = helperMs() - helperBefore
  clearInterval(updating)
  clearInterval(cloning)
  await Promise.all(ends)
  return {
    stillMs: rounded(median(stills)),
    forkMs: rounded(median(forks)),
    p50Ms: rounded(percentile(late, 0.5)),
    p99Ms: rounded(percentile(late, 0.99)),
    helperShare: rounded(helper / (seconds * 1000)),
    share: rounded((user + system) / 1000 / (seconds * 1000)),
    rssMib: Math.round(process.memoryUsage.rss() / 2 ** 20),
  }
}

/** CPU time of the upkeep thread so far; 0 if there is none. */
function helperMs(): number {
  const helper = readThreadFiles('comm').find(({ text }) => text.trim() === 'qclone-heap')
  const schedstat = readThreadFiles('schedstat').find(({ tid }) => tid === helper?.tid)
  return Number(schedstat?.text.split(' ')[0] ?? 0) / 1e6
}
