import type { Answer } from '../lib/queries.js'
import type { PhaseResult } from './phase.js'
import type { Verdict } from './verdict.js'

export interface Report {
  node: string
  rows: number
  secondsEachWay: number
  updatesPerSecond: number
  parallel: number
  loadMs: number
  baseline: PhaseResult
  inProcess: PhaseResult
  clones: PhaseResult
  verdict: Verdict
  /** One answer, as a sample. */
  answer: Answer
}

type Cell = (phase: PhaseResult) => string

const ROWS: ReadonlyArray<readonly [label: string, cell: Cell]> = [
  ['longest stall of the parent', (phase) => ms(phase.longestStallMs)],
  ['update latency, p50', (phase) => ms(phase.latencyMs.p50)],
  ['update latency, p99', (phase) => ms(phase.latencyMs.p99)],
  ['update latency, max', (phase) => ms(phase.latencyMs.max)],
  ['updates', (phase) => count(phase.updates)],
  ['  of them while a query ran', (phase) => asked(phase, () => count(phase.updatesDuringQueries))],
  ['queries', (phase) => asked(phase, () => count(phase.queryMs.count))],
  ['query time, p50', (phase) => asked(phase, () => ms(phase.queryMs.p50))],
  ['query time, max', (phase) => asked(phase, () => ms(phase.queryMs.max))],
  ['fork time, p50', ({ clones }) => (clones ? ms(clones.forkMs.p50) : '-')],
  ['fork time, max', ({ clones }) => (clones ? ms(clones.forkMs.max) : '-')],
  ['fork with checks around it, max', ({ clones }) => (clones ? ms(clones.pauseMs.max) : '-')],
  ['memory of a clone alone (USS), max', ({ clones }) => (clones ? mb(clones.ussBytes.max) : '-')],
  ['memory with its share (PSS), max', ({ clones }) => (clones ? mb(clones.pssBytes.max) : '-')],
  ['memory of the parent (RSS)', (phase) => mb(phase.rssBytes)],
]

/** Formats the final table, followed by the conclusions. */
export function table(report: Report): string {
  const columns: ReadonlyArray<readonly [title: string, phase: PhaseResult]> = [
    ['no queries', report.baseline],
    ['in process', report.inProcess],
    ['in clones', report.clones],
  ]
  const lines = [
    ['', ...columns.map(([title]) => title)],
    ...ROWS.map(([label, cell]) => [label, ...columns.map(([, phase]) => cell(phase))]),
  ]
  return [heading(report), '', ...align(lines), '', sample(report.answer), ...conclusion(report), ''].join(
    '\n',
  )
}

/** Formats the report as one JSON object, without the replies, which the verdict covers. */
export function json(report: Report): string {
  return `${JSON.stringify(report, (key, value: unknown) => (key === 'replies' ? undefined : value), 2)}\n`
}

function heading({ rows, updatesPerSecond, secondsEachWay, parallel, node }: Report): string {
  const clients = parallel === 1 ? 'one client' : `one client in process, ${parallel} with clones`
  const load = `${count(rows)} flights, ${count(updatesPerSecond)} updates/s`
  return `${load}, ${clients}, ${secondsEachWay} s each way, Node ${node}`
}

function sample({ worstRoutes: [route], busiestHours: [hour] }: Answer): string {
  const found: string[] = []
  if (route) found.push(`latest route: ${route.origin}-${route.destination}, p95 ${route.p95Delay} min`)
  if (hour) found.push(`busiest hour: ${hour.origin} at ${hour.hour}:00, ${count(hour.flights)} flights`)
  return `an answer: ${found.join('; ')}`
}

function conclusion({ verdict, inProcess, clones }: Report): string[] {
  const { answersEqual, snapshots, problems, stallRatio } = verdict
  const ratio = stallRatio < 10 ? stallRatio.toFixed(1) : stallRatio.toFixed(0)
  return [
    `answers equal: ${answersEqual ? 'yes' : 'NO'}; ` +
      `snapshots consistent: ${snapshots.consistent} of ${snapshots.total}`,
    ...problems.map((problem) => `  PROBLEM: ${problem}`),
    `longest stall: in process ${ms(inProcess.longestStallMs)}, with clones ${ms(clones.longestStallMs)}: ` +
      `${ratio}x shorter`,
  ]
}

function align(lines: readonly string[][]): string[] {
  const widths = (lines[0] ?? []).map((_, i) => Math.max(...lines.map((line) => line[i]?.length ?? 0)))
  const padded = lines.map((line) =>
    line
      .map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)))
      .join('   '),
  )
  const [head = '', ...body] = padded
  return [head, '-'.repeat(head.length), ...body]
}

function asked(phase: PhaseResult, cell: () => string): string {
  return phase.queryMs.count === 0 ? '-' : cell()
}

function count(value: number): string {
  return value.toLocaleString('en-US')
}

function ms(value: number): string {
  const digits = value < 10 ? 2 : value < 100 ? 1 : 0
  return `${value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits })} ms`
}

function mb(bytes: number): string {
  return `${count(Math.round(bytes / 1e6))} MB`
}
