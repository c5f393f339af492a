import type { Draws } from './family.js'
import { FAMILIES, SOURCES, type Source } from './sources.js'

/** Equal runs of values indicate shared state, even where single values must repeat. */
export const RUN_LENGTH = 8
/** Below this expected number, a single repeat is a failure. */
const NONE_EXPECTED = 0.01

export interface Verdict {
  readonly name: string
  readonly judged: boolean
  readonly draws: number
  /** Draws whose value was drawn before, in any process. */
  readonly repeats: number
  /** Number of repeats expected by chance. */
  readonly expected: number
  /** Runs of {@link RUN_LENGTH} values that were drawn before, at any position of a process's draws. */
  readonly runs: number
  readonly expectedRuns: number
  readonly met: boolean
}

/** Judges the draws of all processes: each source alone, and sources that may repeat each other together. */
export function judge(processes: readonly Draws[]): Verdict[] {
  const sequences = (source: Source) => {
    const index = SOURCES.indexOf(source)
    return processes.map((draws) => draws[index] as Buffer)
  }
  return [
    ...SOURCES.map((source) => verdict(source.name, source, sequences(source))),
    ...FAMILIES.map(({ name, of }) => verdict(name, of[0] as Source, of.flatMap(sequences))),
  ]
}

function verdict(name: string, { bits, bytes, judged }: Source, sequences: readonly Buffer[]): Verdict {
  const values = countRepeats(sequences, bytes, 1)
  const runs = countRepeats(sequences, bytes, RUN_LENGTH)
  const expected = expectedRepeats(values.total, bits)
  const expectedRuns = expectedRepeats(runs.total, bits * RUN_LENGTH)
  const met = isMet(values.repeats, expected) && isMet(runs.repeats, expectedRuns)
  return {
    name,
    judged,
    draws: values.total,
    repeats: values.repeats,
    expected,
    runs: runs.repeats,
    expectedRuns,
    met,
  }
}

function isMet(repeats: number, expected: number): boolean {
  return expected >= NONE_EXPECTED || repeats === 0
}

/** Birthday bound: each pair is equal with probability 2^-bits. At most all draws but one can be repeats. */
function expectedRepeats(draws: number, bits: number): number {
  return Math.min((draws * (draws - 1)) / 2 / 2 ** bits, draws - 1)
}

function countRepeats(sequences: readonly Buffer[], bytes: number, length: number) {
  const seen = new Set<string>()
  let total = 0
  for (const sequence of sequences) {
    for (let at = 0; at + bytes * length <= sequence.length; at += bytes) {
      seen.add(sequence.toString('latin1', at, at + bytes * length))
      total++
    }
  }
  return { total, repeats: total - seen.size }
}
