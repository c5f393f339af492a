import { writeSync } from 'node:fs'
import { isMainThread, Worker, workerData } from 'node:worker_threads'

const LOOK_MS = 1000

/** Data shared with the watching thread. */
interface Watched {
  /** Number of the current sample. */
  readonly index: BigInt64Array
  readonly seed: number
  readonly limitMs: number
}

/**
Ends the process and names the sample if one takes longer than `limitMs`. Returns the cell for the sample's number.
*/
export function watch(seed: number, limitMs: number): BigInt64Array {
  const index = new BigInt64Array(new SharedArrayBuffer(BigInt64Array.BYTES_PER_ELEMENT))
  new Worker(new URL(import.meta.url), { workerData: { index, seed, limitMs } satisfies Watched }).unref()
  return index
}

if (!isMainThread) {
  const { index, seed, limitMs } = workerData as Watched
  let last = -1n
  let since = performance.now()
  setInterval(() => {
    const now = Atomics.load(index, 0)
    if (now !== last) {
      last = now
      since = performance.now()
    } else if (performance.now() - since > limitMs) {
      writeSync(2, `one message took longer than ${limitMs} ms: --seed ${seed} --from ${now} --messages 1\n`)
      process.kill(process.pid, 'SIGKILL')
    }
  }, LOOK_MS)
}
