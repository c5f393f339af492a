import { memoryOf, run, warm } from 'node-qclone'
import { gc } from '../../harness/heap.js'
import { rounded } from '../../harness/stats.js'

/** Cost of strings that were never used as keys to a clone that uses some, before and after `warm`. */
export interface Cold {
  /** Memory that the clone copied, in MiB. */
  coldMib: number
  warmMib: number
  strings: number
  warmMs: number
  /** Longest time for which the event loop was blocked while the strings were warmed. */
  longestStallMs: number
}

const ROWS = 2_500_000
const EVERY = 50
const MIB = 2 ** 20

export async function cold(budgetMs: number): Promise<Cold> {
  const rows = Array.from({ length: ROWS }, (_, id) => ({
    id,
    sym: `S${id}`,
    px: id * 1.01,
    q: [id, id + 1],
  }))
  for (let i = 0; i < 3; i++) gc()
  const coldMib = await costOfKeys(rows)
  let last = performance.now()
  let longestStallMs = 0
  let watching = true
  const watch = () => {
    const now = performance.now()
    longestStallMs = Math.max(longestStallMs, now - last)
    last = now
    if (watching) setImmediate(watch)
  }
  const begun = performance.now()
  watch()
  const { strings } = await warm(rows, { budgetMs })
  watching = false
  const warmMs = performance.now() - begun
  return {
    coldMib: rounded(coldMib),
    warmMib: rounded(await costOfKeys(rows)),
    strings,
    warmMs: rounded(warmMs),
    longestStallMs: rounded(longestStallMs),
  }
}

/** Memory that a clone copies to use every fiftieth string as a key, in MiB. */
async function costOfKeys(rows: ReadonlyArray<{ sym: string }>): Promise<number> {
  const used = (every: number) =>
    run(() => {
      const keys = new Set<string>()
      for (let i = 0; i < rows.length; i += every) keys.add(rows[i]?.sym ?? '')
      return memoryOf().uss / MIB
    })
  const nothing = await used(rows.length)
  return (await used(EVERY)) - nothing
}
