import { readFileSync, writeFileSync } from 'node:fs'
import { versions } from 'node:process'
import { fileURLToPath } from 'node:url'
import type { Outcome } from './attempt.js'
import type { Program } from './catalog.js'

/** What was seen of one package under one Node line. */
export interface Result {
  readonly version: string
  readonly word: Outcome['word']
  readonly reason?: string | undefined
}

/** All that was seen: by Node line, its version and the results by row. */
export type Results = Record<string, { node: string; rows: Record<string, Result> }>

const RESULTS = fileURLToPath(new URL('../../compat/results.json', import.meta.url))
const PAGE = fileURLToPath(new URL('../../docs/fork-safety.md', import.meta.url))
const [BEGIN, END] = ['<!-- npm run packages: begin -->', '<!-- npm run packages: end -->']

export function readResults(): Results {
  return JSON.parse(readFileSync(RESULTS, 'utf8'))
}

/** Adds what was seen just now under this Node, and rewrites the table of the page. */
export function writeResults(results: Results, seen: Record<string, Result>, programs: readonly Program[]) {
  const line = versions.node.split('.', 1)[0] ?? ''
  // Of what could not be tried here, what was seen elsewhere stands.
  const tried = Object.fromEntries(Object.entries(seen).filter(([, { word }]) => word !== 'not tried'))
  const all = { ...results[line]?.rows, ...tried }
  const rows = Object.fromEntries(programs.flatMap(({ row }) => (all[row] ? [[row, all[row]]] : [])))
  const changed = { ...results, [line]: { node: versions.node, rows } }
  writeFileSync(RESULTS, `${JSON.stringify(changed, null, 2)}\n`)
  const page = readFileSync(PAGE, 'utf8')
  const [before, rest] = page.split(`${BEGIN}\n`)
  const after = rest?.split(END)[1]
  if (after === undefined) throw new Error(`Expected ${PAGE} to have \`${BEGIN}\` and \`${END}\``)
  writeFileSync(PAGE, `${before}${BEGIN}\n${table(changed, programs)}${END}${after}`)
}

function table(results: Results, programs: readonly Program[]): string {
  const lines = Object.keys(results)
  const rows = programs.map((program) => [
    program.row,
    program.parent ?? '',
    program.clone ?? '',
    ...lines.map((line) => cell(results[line]?.rows[program.row])),
  ])
  const heads = ['package', 'the parent', 'each clone', ...lines.map((line) => `Node ${results[line]?.node}`)]
  return [heads, heads.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |\n`).join('')
}

function cell(result: Result | undefined): string {
  if (!result) return 'not tried'
  const word = result.word === 'works' ? result.word : `**${result.word}**`
  const reason = result.reason ? `: ${result.reason.replaceAll('|', '\\|')}` : ''
  return `${result.version} ${word}${reason}`
}
