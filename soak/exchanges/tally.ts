import type { Outcome } from './judge.js'
import type { Script } from './script.js'
import { describeOutcome, firstDifference } from './show.js'

/** What must not happen. */
export type FaultKind = 'uncaught' | 'died' | 'foreign' | 'hung' | 'hungBoth'

interface Fault {
  count: number
  readonly what: string
  /** Scripts that were under way at the first times. */
  readonly scripts: string[]
}

const MOST_SCRIPTS = 8
const MOST_SHOWN = 40

/** What has happened. */
export class Tally {
  exchanges = 0
  scripts = 0
  longestMs = 0
  readonly exchangesBy: Record<string, number> = {}
  readonly differences: Record<string, number> = {}
  readonly faults: Record<FaultKind, Map<string, Fault>> = {
    uncaught: new Map(),
    died: new Map(),
    foreign: new Map(),
    hung: new Map(),
    hungBoth: new Map(),
  }
  /** Unwanted lines on stderr. */
  readonly words = new Map<string, number>()
  readonly failures: { readonly id: string; readonly door: string; readonly why: string }[] = []
  unexplainedCount = 0

  played(script: Script, ms: number): void {
    this.scripts++
    this.exchanges += script.sent.length
    this.longestMs = Math.max(this.longestMs, ms)
    this.exchangesBy[script.kind] = (this.exchangesBy[script.kind] ?? 0) + script.sent.length
  }

  differs(kind: string): void {
    this.differences[kind] = (this.differences[kind] ?? 0) + 1
  }

  fault(kind: FaultKind, what: string, scripts: readonly string[]): void {
    const key = what.replace(/\d+/g, 'N').split('\n').slice(0, 6).join('\n')
    const known = this.faults[kind].get(key) ?? { count: 0, what, scripts: [] }
    known.count++
    if (known.scripts.length < MOST_SCRIPTS) known.scripts.push(...scripts)
    this.faults[kind].set(key, known)
  }

  said(line: string): void {
    const key = line.replace(/\d+/g, 'N').slice(0, 200)
    this.words.set(key, (this.words.get(key) ?? 0) + 1)
  }

  unexplained(id: string, script: Script, cloned: Outcome, plains: readonly Outcome[]): void {
    this.unexplainedCount++
    if (this.failures.length >= MOST_SHOWN) return
    const why = `${firstDifference(cloned, plains[0] as Outcome)}; clones: ${describeOutcome(cloned)}; plain: ${[
      ...new Set(plains.map(describeOutcome)),
    ].join(' or ')}`
    this.failures.push({
      id,
      door: `${script.door.name}, ${script.ending}${script.isOdd ? ', odd' : ''}`,
      why,
    })
  }

  count(kind: FaultKind): number {
    return [...this.faults[kind].values()].reduce((sum, { count }) => sum + count, 0)
  }
}
