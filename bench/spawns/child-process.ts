import { spawn as spawnProcess } from 'node:child_process'
import { once } from 'node:events'
import { run } from 'node-qclone'
import { fillHeap, gc, type Row, row, settle } from '../lib/heap.js'
import { countMarkedMappings } from '../lib/proc.js'
import { median, percentile, rounded } from '../lib/stats.js'

const CALLS = 150
const WARM_UP_CALLS = 20
/** Of the rows, one in so many is replaced between two clones. */
const REPLACED_ONE_IN = 50

export interface ChildProcessResult {
  clones: number
  /** What a tenth of the calls stayed below. */
  beforeMs: number
  afterMs: number
  ratio: number
  medianBeforeMs: number
  medianAfterMs: number
  markedBefore: number
  markedAfter: number
  heapMb: number
}

/**
How long `child_process.spawn` stands still, before and after rounds of allocation, with a clone in each or, for
comparison, without. V8 marks its heap `MADV_DONTFORK` to make that short: the library must put every mark back.
*/
export async function timeChildProcess(
  heapMb: number,
  rounds: number,
  withClones: boolean,
): Promise<ChildProcessResult> {
  const rows = fillHeap(heapMb)
  // Allocation alone doubles the number of mappings on some versions, and so slows every fork.
  for (let round = 0; round < rounds; round++) churn(rows, round)
  await timeCalls(WARM_UP_CALLS)
  const before = await timeCalls(CALLS)
  const markedBefore = countMarkedMappings()
  for (let round = 0; round < rounds; round++) {
    churn(rows, round)
    if (!withClones) continue
    const length = await run(() => rows.length)
    if (length !== rows.length)
      throw new Error(`Expected the clone to see ${rows.length} rows, got ${length}`)
  }
  const after = await timeCalls(CALLS)
  return {
    clones: withClones ? rounds : 0,
    beforeMs: rounded(fast(before)),
    afterMs: rounded(fast(after)),
    ratio: rounded(fast(after) / fast(before)),
    medianBeforeMs: rounded(median(before)),
    medianAfterMs: rounded(median(after)),
    markedBefore,
    markedAfter: countMarkedMappings(),
    heapMb: Math.round(process.memoryUsage().heapUsed / 2 ** 20),
  }
}

function churn(rows: Row[], offset: number): void {
  for (let i = offset % REPLACED_ONE_IN; i < rows.length; i += REPLACED_ONE_IN) rows[i] = row(i)
}

/**
Before and after cannot be measured in turns, and what else the machine does only ever adds: to the call itself,
which waits until the new process has started its program. So the fast calls are those to compare.
*/
function fast(times: number[]): number {
  return percentile(times, 0.1)
}

/** What each call takes in this thread, until it returns. */
async function timeCalls(count: number): Promise<number[]> {
  gc()
  gc()
  await settle()
  const times: number[] = []
  for (let i = 0; i < count; i++) {
    const begun = performance.now()
    const child = spawnProcess('true', { stdio: 'ignore' })
    times.push(performance.now() - begun)
    await once(child, 'exit')
  }
  return times
}
