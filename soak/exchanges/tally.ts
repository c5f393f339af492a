import type { Outcome } from './judge.js'
import type { Script } from './script.js'
import { describeOutcome, firstDifference, sortOfDifference } from './show.js'

/** Faults, none of which may happen. */
export const FAULTS = ['uncaught', 'died', 'foreign', 'hung', 'hung in both'] as const

export type FaultKind = (typeof FAULTS)[number]

interface Fault {
  count: number
  readonly what: string
  /** Scripts that were running when it happened first. */
  readonly ids: string[]
}

/** Differences of one sort. */
export interface Failure {
  count: number
  /** The first scripts. */
  readonly ids: string[]
  /** Description of the first difference. */
  why: string
}

const MOST_SCRIPTS = 8
const MOST_LINES = 3

/** Key that is equal for errors that differ only in irrelevant details. */
export function keyOf(what: string): string {
  return what
    .replace(/\b[\d.]+\b/g, 'N')
    .split('\n')
    .slice(0, MOST_LINES)
    .join('\n')
}

/** Counts and faults of a run. */
export class Tally {
  exchanges = 0
  scripts = 0
  longestMs = 0
  same = 0
  readonly exchangesBy: Record<string, number> = {}
  readonly differences: Record<string, number> = {}
  readonly faults: Record<FaultKind, Map<string, Fault>> = {
    uncaught: new Map(),
    died: new Map(),
    foreign: new Map(),
    hung: new Map(),
    'hung in both': new Map(),
  }
  /** Unwanted lines on stderr. */
  readonly words = new Map<string, number>()
  /** Unexplained differences, by their sort. */
  readonly failures = new Map<string, Failure>()
  unexplainedCount = 0

  played(script: Script, ms: number): void {
    this.scripts++
    this.exchanges += script.sent.length
    this.longestMs = Math.max(this.longestMs, ms)
    this.exchangesBy[script.kind] = (this.exchangesBy[script.kind] ?? 0) + script.sent.length
  }

  differs(kind: string): void {
    if (kind === 'same') {
      this.same++
      return
    }
    this.differences[kind] = (this.differences[kind] ?? 0) + 1
  }

  fault(kind: FaultKind, what: string, ids: readonly string[]): void {
    const key = keyOf(what)
    const known = this.faults[kind].get(key) ?? { count: 0, what, ids: [] }
    known.count++
    if (known.ids.length < MOST_SCRIPTS) known.ids.push(...ids)
    this.faults[kind].set(key, known)
  }

  said(line: string): void {
    const key = line.replace(/\d+/g, 'N').slice(0, 200)
    this.words.set(key, (this.words.get(key) ?? 0) + 1)
  }

  /** Records a difference that no kind explains, together with similar ones. */
  unexplained(id: string, script: Script, cloned: Outcome, plains: readonly Outcome[]): void {
    this.unexplainedCount++
    const plain = plains[0] as Outcome
    const { kind, door } = script
    const key = `${kind}: ${sortOfDifference(cloned, plain)}`
    const known = this.failures.get(key) ?? { count: 0, ids: [], why: '' }
    known.count++
    if (known.ids.length < MOST_SCRIPTS) known.ids.push(id)
    if (known.why === '') {
      const plainly = [...new Set(plains.map(describeOutcome))].join(' or ')
      known.why = `${door.name}, ${script.ending}${script.isOdd ? ', odd' : ''}: ${firstDifference(cloned, plain)}
  clones: ${describeOutcome(cloned)}
  plain:  ${plainly}`
    }
    this.failures.set(key, known)
  }

  count(kind: FaultKind): number {
    return [...this.faults[kind].values()].reduce((sum, { count }) => sum + count, 0)
  }
}
