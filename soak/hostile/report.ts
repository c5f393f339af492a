import { report } from '../../harness/program.js'
import { rounded } from '../../harness/stats.js'
import { printTable } from '../../harness/table.js'
import type { Fates } from './company.js'
import type { Window } from './honest.js'
import type { Rest, Seen } from './server.js'

/** Window, with the figures of the server. */
export interface Measured extends Window {
  readonly company: boolean
  readonly seen: Seen
  /** Idle share of the machine's CPU time. */
  readonly idle: number
}

/** All measurements. */
export interface Outcome {
  /** Average pause of an honest client after each answer, in milliseconds. */
  readonly thinkMs: number
  /** Windows in order; the first is without hostile clients. */
  readonly windows: readonly Measured[]
  /** One window without and one with hostile clients; empty if not requested. */
  readonly saturated: readonly Measured[]
  readonly fates: Fates
  readonly errors: Window['errors']
  readonly left: Rest & { readonly processes: number }
}

const MIN_RATIO = 0.95
const MAX_GROWTH_MB = 64
/** Number of memory values shown for a window. */
const POINTS = 6

/** Prints the measurements. @returns whether all bounds were kept. */
export function conclude(
  { thinkMs, windows, saturated, fates, errors, left }: Outcome,
  json: boolean,
): boolean {
  const alone = windows.filter(({ company }) => !company)
  const together = windows.filter(({ company }) => company)
  const ratio =
    mean(together.map(({ perSecond }) => perSecond)) / mean(alone.map(({ perSecond }) => perSecond))
  // Later windows may contain memory that hostile clients left.
  const growthMb = mostMb(together) - mostMb(alone.slice(0, 1))
  const met = {
    ratio: ratio >= MIN_RATIO,
    memory: growthMb <= MAX_GROWTH_MB,
    errors: Object.keys(errors).length === 0,
    left: Object.values(left).every((count) => count === 0),
  }
  if (!json) printTable([...windows, ...saturated].map(rowOf))
  report(
    {
      node: process.version,
      met,
      ratio: rounded(ratio),
      thinkMs,
      alone: figuresOf(alone),
      together: figuresOf(together),
      errors,
      growthMb,
      saturatedRatio:
        saturated[0] && saturated[1]
          ? rounded(saturated[1].perSecond / saturated[0].perSecond)
          : 'not measured',
      mostClonesAlive: Math.max(...windows.map(({ seen }) => seen.mostAlive)),
      refused: sumOf(windows.map(({ seen }) => seen.refused)),
      ...fates,
      left,
    },
    json,
  )
  return Object.values(met).every(Boolean)
}

function figuresOf(windows: readonly Measured[]) {
  return {
    perSecond: rounded(mean(windows.map(({ perSecond }) => perSecond))),
    p50Ms: rounded(mean(windows.filter(({ requests }) => requests > 0).map(({ p50Ms }) => p50Ms))),
    p99Ms: rounded(Math.max(...windows.map(({ p99Ms }) => p99Ms))),
    mostMb: mostMb(windows),
  }
}

function rowOf({ company, perSecond, p50Ms, p99Ms, errors, seen, idle }: Measured) {
  return {
    window: company ? 'together' : 'alone',
    'answers/s': perSecond,
    'p50 ms': p50Ms,
    'p99 ms': p99Ms,
    'errors so far': Object.values(errors).reduce((sum, count) => sum + count, 0),
    clones: seen.clones,
    'most alive': seen.mostAlive,
    'idle %': Math.round(100 * idle),
    'RSS in MiB, over time': pointsOf(seen.rssMb).join(' '),
  }
}

/** Describes a window in one line. */
export function inWords({ company, perSecond, p50Ms, p99Ms, errors }: Measured): string {
  const wrong = Object.entries(errors).map(([what, count]) => `, ${what} (${count} times so far)`)
  return `${company ? 'together' : 'alone'}: ${perSecond} answers/s, p50 ${p50Ms} ms, p99 ${p99Ms} ms${wrong.join('')}`
}

/** Reduces values to the maximum of each of several equal stretches. */
function pointsOf(values: readonly number[]): number[] {
  const size = Math.max(1, Math.ceil(values.length / POINTS))
  return Array.from({ length: Math.ceil(values.length / size) }, (_, i) =>
    Math.max(...values.slice(i * size, (i + 1) * size)),
  )
}

function mostMb(windows: readonly Measured[]): number {
  return Math.max(...windows.flatMap(({ seen }) => seen.rssMb))
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

function sumOf(counts: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const sum: Record<string, number> = {}
  for (const [what, count] of counts.flatMap((one) => Object.entries(one)))
    sum[what] = (sum[what] ?? 0) + count
  return sum
}
