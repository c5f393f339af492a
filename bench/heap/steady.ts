import { subscribe } from 'node:diagnostics_channel'
import { readdirSync, readFileSync } from 'node:fs'
import { run, type Signs } from 'node-qclone'
import { fillHeap, gc, type Row, row, settle } from '../../harness/heap.js'
import { Random } from '../../harness/random.js'
import { median, percentile, rounded } from '../../harness/stats.js'

/** What clones one after another cost a parent that is updated all the time. Times are in milliseconds. */
export interface Steady {
  /** Medians of how long the parent stood still for a fork, and of fork(2) in it. */
  stillMs: number
  forkMs: number
  /** How late updates came. */
  p50Ms: number
  p99Ms: number
  /** Processor time of the helper thread, as a share of a core. */
  helperShare: number
  /** The parent's processor time, as a share of a core. */
  share: number
  rssMib: number
}

const UPDATES_PER_MS = 10
/** One of so many replaces its object. */
const REPLACING = 5
const CLONE_EVERY_MS = 500
const CLONE_LIVES_MS = 1000
const WARM_UP_MS = 3000

/** For `seconds`: 10,000 updates a second, and a clone every half of a second that lives one. */
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
    // Which waits for V8's threads without standing still.
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

/** Processor time of the thread of upkeep so far; 0 when there is none. */
function helperMs(): number {
  for (const tid of readdirSync('/proc/self/task')) {
    const [name, schedstat] = ['comm', 'schedstat'].map((file) =>
      readFileSync(`/proc/self/task/${tid}/${file}`, 'latin1').trim(),
    ) as [string, string]
    if (name === 'qclone-heap') return Number(schedstat.split(' ')[0]) / 1e6
  }
  return 0
}
