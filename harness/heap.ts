import { setTimeout as delay } from 'node:timers/promises'
import { getHeapStatistics, setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { check } from 'node-qclone'

const MIB = 2 ** 20
const REST_LIMIT_MS = 60_000
const REST_STEP_MS = 5

export interface Row {
  id: number
  a: number
  b: string
  c: number
  d: number
}

export function row(id: number): Row {
  return { id, a: id % 1000, b: `x${id}`, c: id / 7, d: id ^ 0x5555 }
}

/** Creates rows until `mib` MiB of V8's heap are in use, without garbage. */
export function fillHeap(mib: number): Row[] {
  const rows: Row[] = []
  const isFull = () => getHeapStatistics().used_heap_size >= mib * MIB
  do {
    while (!isFull()) for (let i = 0; i < ROWS_AT_ONCE; i++) rows.push(row(rows.length))
    gc()
  } while (!isFull())
  return rows
}

const ROWS_AT_ONCE = 10_000

/** `gc` of `node --expose-gc`: a full collection by default. */
export const gc: (options?: { type: 'minor' }) => void = exposedGc()

function exposedGc() {
  setFlagsFromString('--expose-gc')
  return runInNewContext('gc')
}

/** Resolves when V8's threads are idle. */
export async function settle(): Promise<void> {
  const deadline = performance.now() + REST_LIMIT_MS
  for (;;) {
    const report = check()
    if (report.ok) return
    if (!report.transient || performance.now() > deadline) throw new Error(report.reason)
    await delay(REST_STEP_MS)
  }
}
