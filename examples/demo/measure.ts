import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

export interface Spread {
  count: number
  p50: number
  max: number
}

export function spread(values: readonly number[]): Spread {
  const sorted = Float64Array.from(values).sort()
  return { count: sorted.length, p50: sorted[Math.ceil(sorted.length / 2) - 1] ?? 0, max: sorted.at(-1) ?? 0 }
}

/** Collects all garbage, so that no part of the demo pays for the garbage of an earlier one. */
export function collectGarbage(): void {
  setFlagsFromString('--expose-gc')
  const gc: unknown = runInNewContext('globalThis.gc')
  if (typeof gc === 'function') gc()
}
