import type { Draws } from './family.js'
import { FAMILIES, SOURCES, type Source } from './sources.js'

/** Equal values that follow each other tell of a shared state even where single values must repeat. */
export const RUN_LENGTH = 8
/** Below this expectation one repeat is one too many. */
const NONE_EXPECTED = 0.01

export interface Verdict {
  readonly name: string
  readonly judged: boolean
  readonly draws: number
  /** Draws of a value that was drawn before, in whichever process. */
  readonly repeats: number
  /** How many of those chance would give. */
  readonly expected: number
  /** Runs of {@link RUN_LENGTH} values that were drawn before, at whichever place of a process's draws. */
  readonly runs: number
  readonly expectedRuns: number
  readonly met: boolean
}

/** Judges what every process drew: each source by itself, and those together that may repeat each other. */
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

/** By the birthday bound: pairs, each equal with a chance of 2^-bits. No more than all but one can be repeats. */
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
