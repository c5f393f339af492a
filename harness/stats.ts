/** Value below which a share `p` (0 to 1) of `values` lies. */
export function percentile(values: readonly number[], p: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * p))] ?? Number.NaN
}

export function median(values: readonly number[]): number {
  return percentile(values, 0.5)
}

/** Rounds to three decimals, which is a microsecond for milliseconds. */
export function rounded(value: number): number {
  return Math.round(value * 1000) / 1000
}
