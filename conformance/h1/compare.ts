import type { Finding } from './tool.js'

/** A tool's results for one test on both servers. */
export interface Row {
  readonly tool: string
  readonly test: string
  readonly plain: string
  readonly second: string
  /** Differing lines; empty if there are none. */
  readonly difference: readonly string[]
}

/** Shown for a test that a tool did not run. */
const NONE = '-'

/** Pairs a tool's findings on both servers, test by test. */
export function compareFindings(tool: string, first: readonly Finding[], second: readonly Finding[]): Row[] {
  const others = new Map(second.map((finding) => [finding.test, finding]))
  const missing = second.filter(({ test }) => !first.some((finding) => finding.test === test))
  return [
    ...first.map((finding) => rowOf(tool, finding.test, finding, others.get(finding.test))),
    ...missing.map((finding) => rowOf(tool, finding.test, undefined, finding)),
  ]
}

function rowOf(tool: string, test: string, first: Finding | undefined, second: Finding | undefined): Row {
  const [a, b] = [inLines(first), inLines(second)]
  const difference = [
    ...a.filter((line) => !b.includes(line)).map((line) => `- ${line}`),
    ...b.filter((line) => !a.includes(line)).map((line) => `+ ${line}`),
  ]
  // The lines may differ only in their order.
  if (difference.length === 0 && a.join('\n') !== b.join('\n')) {
    difference.push(...a.map((line) => `- ${line}`), ...b.map((line) => `+ ${line}`))
  }
  return { tool, test, plain: first?.verdict ?? NONE, second: second?.verdict ?? NONE, difference }
}

function inLines(finding: Finding | undefined): string[] {
  if (!finding) return [NONE]
  return [finding.verdict, ...(finding.detail?.split('\n') ?? [])].map((line) => line.trimEnd())
}
