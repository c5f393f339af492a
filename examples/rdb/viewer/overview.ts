import type { Database } from '../database.js'
import { QUERIES, signatureOf } from '../queries/all.js'
import { count } from './cells.js'
import { html } from './html.js'
import type { Page } from './layout.js'
import { csvUrl, queryUrl, tableUrl } from './urls.js'

/** Overview of all tables and queries. */
export function overview(database: Database): Page {
  const { flights, relations } = database
  const tiles: ReadonlyArray<readonly [id: string, about: string, value: number]> = [
    ['flights', 'flights', flights.flights.length],
    ['updates', 'updates', flights.version],
    ['airports', 'airports', flights.byOrigin.size],
    ['delay', 'minutes of delay in all', flights.totalDelay],
  ]
  const body = html`
<dl class="tiles">
${tiles.map(
  ([id, about, value]) =>
    html`<div><dd id="${id}" data-value="${value}">${count(value)}</dd><dt>${about}</dt></div>`,
)}
</dl>
<section>
<h2>Tables</h2>
<ul class="cards">
${[...relations.values()].map(
  (table) => html`<li>
<h3><a href="${tableUrl({ name: table.name })}">${table.name}</a> <span class="badge">${count(table.count())}</span></h3>
<p>${table.about}</p>
<p class="fine">${table.columns.map(({ name }) => name).join(', ')} · <a href="${csvUrl(table.name)}">csv</a></p>
</li>`,
)}
</ul>
</section>
<section>
<h2>Queries</h2>
<ul class="cards">
${[...QUERIES.values()].map(
  (query) => html`<li>
<h3><a href="${queryUrl(query.name)}"><code>${signatureOf(query)}</code></a></h3>
<p>${query.about}</p>
</li>`,
)}
</ul>
</section>`
  return { title: 'overview', body }
}
