import { printTable } from '../../harness/table.js'
import type { Verdict } from './compare.js'

/** Results of one client with one app. */
export interface Result {
  readonly app: string
  readonly client: string
  readonly seconds: number
  readonly clones: number
  readonly verdicts: readonly Verdict[]
}

const COLUMNS_SHOWN = 400
/** Shown for a case that an app does not have. */
const NONE = '-'

/** Prints a row for each case and a column for each app, then the totals. */
export function printResults(results: readonly Result[]): void {
  const rows = new Map<string, Record<string, string>>()
  const apps = [...new Set(results.map(({ app }) => app))]
  for (const { app, client, verdicts } of results) {
    for (const { what, verdict } of verdicts) {
      const row = rows.get(`${client} ${what}`) ?? blank(client, what, apps)
      row[app] = verdict
      rows.set(`${client} ${what}`, row)
    }
  }
  printTable([...rows.values()])
  console.log()
  printTable(results.map(({ verdicts, ...result }) => ({ ...result, ...count(verdicts) })))
}

/** Counts the cases by verdict. */
export function count(verdicts: readonly Verdict[]): Record<Verdict['verdict'], number> {
  const counts = { same: 0, closes: 0, known: 0, different: 0 }
  for (const { verdict } of verdicts) counts[verdict]++
  return counts
}

/** Describes the differences of a case: expected and actual values. */
export function inWords({ app, client }: Result, { what, differences }: Verdict): string {
  const lines = differences.flatMap(({ fact, expected, got }) => [
    `  ${fact}:`,
    ...shown(expected).map((line) => `    - ${line}`),
    ...shown(got).map((line) => `    + ${line}`),
  ])
  return `${[`${app}, ${client}, ${what}:`, ...lines].join('\n')}\n`
}

function blank(client: string, what: string, apps: readonly string[]): Record<string, string> {
  return { client, what, ...Object.fromEntries(apps.map((app) => [app, NONE])) }
}

function shown(text: string): string[] {
  return text.split('\n').map((line) => line.trimEnd().slice(0, COLUMNS_SHOWN))
}
