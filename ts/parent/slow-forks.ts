import { getHeapStatistics } from 'node:v8'
import { type ForkTimings, native } from '../native.js'
import { process } from '../node-internals/process.js'

/** Minimum duration of a slow fork, in milliseconds. */
const SLOW_MS = 20
/** Minimum size of a heap that makes a fork slow. */
const LARGE_HEAP_BYTES = 2 ** 28

let last: string | undefined

/** Remembers and returns advice on making forks faster than the last one; none after a fast fork. */
export function noteTimings(timings: ForkTimings): string | undefined {
  last = adviceOn(timings)
  return last
}

/** Returns the advice on making forks faster than the last one. */
export function lastAdvice(): string | undefined {
  return last
}

function adviceOn({ forkMs, mapsMs }: ForkTimings): string | undefined {
  const ms = forkMs + mapsMs
  if (ms < SLOW_MS) return undefined
  const bytes = getHeapStatistics().total_heap_size
  const isDecided = process.env.QCLONE_HEAP !== undefined || !native().heapStatus().unasked
  if (bytes < LARGE_HEAP_BYTES || isDecided) return undefined
  return `a fork took ${Math.round(ms)} ms for a heap of ${Math.round(bytes / 2 ** 20)} MiB: start the program with \`node --import node-qclone/heap\`, see docs/heap.md`
}
