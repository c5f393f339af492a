import { type Cell, type Column, Rows } from '../rows.js'
import { type Content, type Html, html } from './html.js'

/** Number with thousands separators. */
export function count(value: number): string {
  return value.toLocaleString('en-US')
}

/** Time with milliseconds. */
export function moment(at: Date): string {
  return at.toISOString().replace('T', ' ').replace('Z', '')
}

/** Table, with the headings that `heading` returns for its columns. */
export function tableOf(
  { columns, cells }: Rows,
  heading: (column: Column) => Content = ({ name }) => name,
): Html {
  return html`<div class="scroll"><table>
<thead><tr>${columns.map((column) => html`<th scope="col" class="${column.type}">${heading(column)}</th>`)}</tr></thead>
<tbody>
${cells.map(
  (row) =>
    html`<tr>${row.map((cell, i) => html`<td class="${columns[i]?.type}">${cellOf(cell, columns[i])}</td>`)}</tr>\n`,
)}</tbody>
</table></div>`
}

/** Named values. */
export function pairsOf(record: Readonly<Record<string, Cell>>): Html {
  const pairs = Object.entries(record).map(
    ([name, value]) => html`<div><dt>${name}</dt><dd data-name="${name}">${cellOf(value)}</dd></div>`,
  )
  return html`<dl class="pairs">${pairs}</dl>`
}

export function cellOf(cell: Cell, column?: Column): Content {
  if (cell === null) return html`<span class="null">–</span>`
  if (cell instanceof Date) return moment(cell).replace(/:00\.000$/, '')
  if (typeof cell === 'number' && column?.type === 'float') return cell.toFixed(2)
  return typeof cell === 'number' && column === undefined ? count(cell) : cell
}

/** Answer of any query. */
export function answerOf(answer: Cell | Readonly<Record<string, Cell>> | Rows): Html {
  if (answer instanceof Rows) return tableOf(answer)
  if (typeof answer === 'object' && answer !== null && !(answer instanceof Date)) return pairsOf(answer)
  return html`<p class="value">${cellOf(answer)}</p>`
}
