import { q } from 'node-qclone/kdb'

import type { Answer } from './queries/query.js'
import { type Cell, type ColumnType, Rows } from './rows.js'

/** Converts an answer to q's types: names become symbols, and columns get their types. */
export function toKdb(answer: Answer): unknown {
  if (!(answer instanceof Rows)) return answer
  const columns = answer.columns.map(({ name, type }, i) => [
    name,
    vectorOf(
      type,
      answer.cells.map((row) => row[i] ?? null),
    ),
  ])
  return q.table(Object.fromEntries(columns))
}

function vectorOf(type: ColumnType, cells: readonly Cell[]) {
  // Text is a list of lists of characters, none of which is null.
  return type === 'text'
    ? q.list(
        'any',
        cells.map((cell) => cell ?? ''),
      )
    : q.list(type, cells)
}
