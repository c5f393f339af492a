import { readFileSync, writeFileSync } from 'node:fs'
import { versions } from 'node:process'
import { fileURLToPath } from 'node:url'
import type { Outcome } from './attempt.js'
import type { Program } from './catalog.js'

/** Result of one package on one Node release line. */
export interface Result {
  readonly version: string
  readonly word: Outcome['word']
  readonly reason?: string | undefined
}

/** All results: for each release line its version, and the results by row. */
export type Results = Record<string, { node: string; rows: Record<string, Result> }>

const RESULTS = fileURLToPath(new URL('../../compat/results.json', import.meta.url))
const PAGE = fileURLToPath(new URL('../../docs/fork-safety.md', import.meta.url))
const [BEGIN, END] = ['<!-- npm run packages: begin -->', '<!-- npm run packages: end -->']

/** Adds the result of one row on this Node, and rewrites the table of the page. */
export function writeResult(row: string, result: Result, programs: readonly Program[]): void {
  // Keeps an earlier result from a machine where the row could be tried.
  if (result.word === 'not tried') return
  const results = JSON.parse(readFileSync(RESULTS, 'utf8')) as Results
  const line = versions.node.split('.', 1)[0] ?? ''
  const all: Record<string, Result> = { ...results[line]?.rows, [row]: result }
  const rows = Object.fromEntries(programs.flatMap(({ row }) => (all[row] ? [[row, all[row]]] : [])))
  const changed = { ...results, [line]: { node: versions.node, rows } }
  writeFileSync(RESULTS, `${JSON.stringify(changed, null, 2)}\n`)
  const page = readFileSync(PAGE, 'utf8')
  const [before, rest] = page.split(`${BEGIN}\n`)
  const after = rest?.split(END)[1]
  if (after === undefined) throw new Error(`Expected ${PAGE} to have \`${BEGIN}\` and \`${END}\``)
  writeFileSync(PAGE, `${before}${BEGIN}\n\n${table(changed, programs)}\n${END}${after}`)
}

function table(results: Results, programs: readonly Program[]): string {
  const lines = Object.entries(results)
  const rows = programs.map(({ row, parent = '', clone = '' }) => [
    row,
    parent,
    clone,
    ...lines.map(([, { rows }]) => cell(rows[row])),
  ])
  const heads = ['package', 'the parent', 'each clone', ...lines.map(([, { node }]) => `Node ${node}`)]
  const text = [heads, heads.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |\n`).join('')
  return `${lines.map(([, line]) => counted(line)).join('')}\n${text}`
}

function counted({ node, rows }: Results[string]): string {
  const words = Object.values(rows).map(({ word }) => word)
  const counts = [...new Set(words)]
    .sort()
    .map((word) => `${word} ${words.filter((other) => other === word).length}`)
  return `- Node ${node}: ${counts.join(', ')}.\n`
}

function cell(result: Result | undefined): string {
  if (!result) return 'not tried'
  const word = result.word === 'works' ? result.word : `**${result.word}**`
  const reason = result.reason ? `: ${result.reason.replaceAll('|', '\\|')}` : ''
  return `${result.version} ${word}${reason}`
}
