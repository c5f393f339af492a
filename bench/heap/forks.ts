import { readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { type Clone, run, spawn } from 'node-qclone'
import type { HeapStatus } from 'node-qclone/heap'
import { fillHeap, gc, settle } from '../../harness/heap.js'
import { median, rounded } from '../../harness/stats.js'

/** Cost of forks to the parent. Times are medians, in milliseconds. */
export interface Forks {
  spawnMs: number
  forkMs: number
  mapsMs: number
  censusMs: number
  runMs: number
  /** Page tables of a clone, in KiB. */
  pageTablesKib: number
  /** Page tables of the machine for 30 clones that live at the same time, in KiB. */
  crowdKib: number
  rssMib: number
  mode: string
  reason: string
  hugeMib: number
  mappings: number
}

/** The first forks compile this program and the library, and split shared page tables. */
const WARM_UP_ROUNDS = 5
const ROUNDS = 21
/** Maximum time for memory to move to huge pages. */
const UPKEEP_LIMIT_MS = 60_000
const UPKEEP_STEP_MS = 500

export async function forksOfObjects(mib: number): Promise<Forks> {
  const rows = fillHeap(mib)
  gc()
  const forks = await measure()
  // Uses `rows`, so that they are not collected before.
  if (rows.length === 0) throw new Error('no rows')
  return forks
}

export async function forksOfArray(mib: number): Promise<Forks> {
  const numbers = new Float64Array((mib * 2 ** 20) / 8)
  for (let i = 0; i < numbers.length; i++) numbers[i] = i
  const forks = await measure()
  if (numbers.at(-1) !== numbers.length - 1) throw new Error('wrong numbers')
  return forks
}

/** Resolves when no more memory moves to huge pages. */
async function untilSteady(): Promise<void> {
  const deadline = performance.now() + UPKEEP_LIMIT_MS
  const { heapStatus } = await import('node-qclone/heap')
  for (let last = -1, now = heapStatus().hugeBytes; now !== last && performance.now() < deadline; ) {
    last = now
    await delay(3 * UPKEEP_STEP_MS)
    now = heapStatus().hugeBytes
  }
}

async function measure(): Promise<Forks> {
  const spawns: number[] = []
  const runs: number[] = []
  const clones: Clone[] = []
  let pageTablesKib = 0
  for (let round = -WARM_UP_ROUNDS; round < ROUNDS; round++) {
    // The first forks start upkeep.
    if (round === 0) await untilSteady()
    await settle()
    const begun = performance.now()
    const clone = spawn(() => 0)
    const spawnMs = performance.now() - begun
    pageTablesKib = Math.max(pageTablesKib, pageTables(clone.pid))
    const { status } = await clone.exited
    if (status !== 0) throw new Error(`clone ${clone.pid} exited with status ${status}`)
    await settle()
    const asked = performance.now()
    if ((await run(() => round)) !== round) throw new Error('wrong answer')
    if (round < 0) continue
    spawns.push(spawnMs)
    runs.push(performance.now() - asked)
    clones.push(clone)
  }
  const crowdKib = await crowd()
  const { heapStatus } = await import('node-qclone/heap')
  const { mode, reason = '', hugeBytes, mappings } = heapStatus() as HeapStatus
  const of = (name: 'forkMs' | 'mapsMs' | 'censusMs') =>
    rounded(median(clones.map(({ timings }) => timings[name])))
  return {
    spawnMs: rounded(median(spawns)),
    forkMs: of('forkMs'),
    mapsMs: of('mapsMs'),
    censusMs: of('censusMs'),
    runMs: rounded(median(runs)),
    pageTablesKib,
    crowdKib,
    rssMib: Math.round(process.memoryUsage.rss() / 2 ** 20),
    mode,
    reason,
    hugeMib: Math.round(hugeBytes / 2 ** 20),
    mappings,
  }
}

/** Page tables of the machine for many clones at the same time, in KiB. */
async function crowd(): Promise<number> {
  const before = pageTablesOfMachine()
  const clones: Clone[] = []
  for (let i = 0; i < CROWD; i++) {
    await settle()
    clones.push(
      spawn(() => {
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
        return 0
      }),
    )
  }
  const grown = pageTablesOfMachine() - before
  for (const clone of clones) clone.kill('SIGKILL')
  await Promise.all(clones.map(({ exited }) => exited))
  return grown
}

const CROWD = 30

function pageTablesOfMachine(): number {
  return Number(/^PageTables:\s*(\d+) kB$/m.exec(readFileSync('/proc/meminfo', 'latin1'))?.[1])
}

/** 0 if the clone has already ended. */
function pageTables(pid: number): number {
  try {
    return Number(/^VmPTE:\s*(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1] ?? 0)
  } catch {
    return 0
  }
}
