import type { Database } from '../database.js'
import type { Relation } from '../relation.js'
import type { Column } from '../rows.js'
import { readWhole } from '../values.js'
import { count, tableOf } from './cells.js'
import { type Html, html } from './html.js'
import type { Page } from './layout.js'
import { csvUrl, MOST_ROWS_PER_PAGE, ROWS_PER_PAGE, type TableView, tableUrl } from './urls.js'

const A_SCREENFUL = 25
const SIZES = [A_SCREENFUL, ROWS_PER_PAGE, 100, 500]

/** One page of a table. */
export function tablePage(database: Database, name: string, state: URLSearchParams): Page {
  const table = database.relations.get(name)
  if (!table) return { title: 'no such table', status: 404, body: html`<p>There is no table ${name}.</p>` }
  const view = {
    name,
    from: readWhole('from', state.get('from') ?? 0, 0, Number.MAX_SAFE_INTEGER),
    rows: readWhole('rows', state.get('rows') ?? ROWS_PER_PAGE, 1, MOST_ROWS_PER_PAGE),
    sort: state.get('sort') ?? '',
  }
  const rows = table.page({ from: view.from, count: view.rows, sort: view.sort })
  const body = html`
<p class="about">${table.about}</p>
${controls(table, view)}
${rows.cells.length === 0 ? html`<p class="empty">No rows here.</p>` : tableOf(rows, (column) => heading(column, view))}
${rows.cells.length > A_SCREENFUL && pager(table, view)}`
  return { title: name, body }
}

function controls(table: Relation, view: TableView): Html {
  const sizes = [...new Set([...SIZES, view.rows])].sort((a, b) => a - b)
  return html`<div class="controls">
${pager(table, view)}
<form action="/table/${encodeURIComponent(view.name)}">
<input type="hidden" name="from" value="${view.from}">
<label>rows <select name="rows">${sizes.map((size) => option(size, view.rows))}</select></label>
<input type="hidden" name="sort" value="${view.sort}">
<button>Show</button>
</form>
<a href="${csvUrl(view.name)}" download>all as csv</a>
</div>`
}

function option(size: number, chosen: number): Html {
  return size === chosen ? html`<option selected>${size}</option>` : html`<option>${size}</option>`
}

function pager(table: Relation, view: TableView): Html {
  const total = table.count()
  const { from, rows } = view
  const last = Math.max(0, Math.floor((total - 1) / rows) * rows)
  const until = Math.min(total, from + rows)
  return html`<nav class="pager" aria-label="pages">
${to('first', '« first', from > 0 && { ...view, from: 0 })}
${to('prev', '‹ previous', from > 0 && { ...view, from: Math.max(0, from - rows) })}
<span class="range">${from < total ? `${count(from)} – ${count(until - 1)}` : 'none'} of ${count(total)}</span>
${to('next', 'next ›', until < total && { ...view, from: until })}
${to('last', 'last »', until < total && { ...view, from: last })}
</nav>`
}

function to(rel: string, text: string, view: TableView | false): Html {
  return view
    ? html`<a rel="${rel}" href="${tableUrl(view)}">${text}</a>`
    : html`<span class="off">${text}</span>`
}

/** Cycles the sort by its column: ascending, descending, none. */
function heading({ name }: Column, view: TableView): Html {
  const sort = view.sort === name ? `-${name}` : view.sort === `-${name}` ? '' : name
  const arrow = view.sort === name ? ' ▲' : view.sort === `-${name}` ? ' ▼' : ''
  return html`<a href="${tableUrl({ ...view, from: 0, sort })}">${name}${arrow}</a>`
}

/** All rows as CSV, in chunks. The snapshot stays the same, however slowly the client reads. */
export function* csvOf(table: Relation): Generator<string> {
  yield `${table.columns.map(({ name }) => name).join(',')}\n`
  for (const { cells } of table.chunks()) yield cells.map((row) => `${row.map(csvCell).join(',')}\n`).join('')
}

function csvCell(cell: unknown): string {
  if (cell === null) return ''
  const text = cell instanceof Date ? cell.toISOString() : `${cell}`
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
