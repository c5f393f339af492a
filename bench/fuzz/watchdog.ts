import { writeSync } from 'node:fs'
import { isMainThread, Worker, workerData } from 'node:worker_threads'

const LOOK_MS = 1000

/** What is under way, for the thread that watches. */
interface Watched {
  /** The number of the sample. */
  readonly index: BigInt64Array
  readonly seed: number
  readonly limitMs: number
}

/** Ends the process when one sample takes longer than `limitMs`, and tells which. Returns where its number goes. */
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
      writeSync(2, `no end of one message after ${limitMs} ms: --seed ${seed} --from ${now} --messages 1\n`)
      process.kill(process.pid, 'SIGKILL')
    }
  }, LOOK_MS)
}
