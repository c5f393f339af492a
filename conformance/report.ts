import { printTable } from '../harness/table.js'
import { type Difference, inWords } from './compare.js'
import { type Outcome, WAYS, type Way } from './ways.js'

/** Result of a program in one way. */
export interface Verdict {
  readonly program: string
  readonly way: Way
  readonly ending: string
  readonly differences: readonly Difference[]
}

/** Lines of a text that are shown from the first difference on. */
const LINES_SHOWN = 12
const COLUMNS_SHOWN = 300

export function verdict(program: string, way: Way, outcome: Outcome, differences: Difference[]): Verdict {
  return { program, way, ending: inWords(outcome), differences }
}

export function passed({ differences }: Verdict): boolean {
  return differences.length === 0
}

/** Describes a failure, with expected and actual values. */
export function failureInWords({ program, way, differences }: Verdict): string {
  const told = differences.map(({ what, expected, got }) => {
    const [minus, plus] = fromFirstDifference(expected, got)
    return `  ${what}:\n${minus.map((line) => `    - ${line}\n`).join('')}${plus.map((line) => `    + ${line}\n`).join('')}`
  })
  return `${program}, ${way}:\n${told.join('')}`
}

/** Prints the number of programs that passed, by way. */
export function printFigures(verdicts: readonly Verdict[]): void {
  const node = `Node ${process.version}`
  const rows = WAYS.map((way) => {
    const all = verdicts.filter((verdict) => verdict.way === way)
    return { [node]: way, passed: all.filter(passed).length, total: all.length }
  })
  printTable(rows)
}

function fromFirstDifference(expected: string, got: string): [string[], string[]] {
  const [a, b] = [expected.split('\n'), got.split('\n')]
  let first = 0
  while (first < Math.min(a.length, b.length) && a[first] === b[first]) first++
  return [shown(a, first), shown(b, first)]
}

function shown(lines: string[], first: number): string[] {
  const rest = lines.length - first - LINES_SHOWN
  return [
    ...(first > 0 ? [`(${first} lines alike)`] : []),
    ...lines.slice(first, first + LINES_SHOWN).map((line) => line.slice(0, COLUMNS_SHOWN)),
    ...(rest > 0 ? [`(${rest} lines more)`] : []),
  ]
}
