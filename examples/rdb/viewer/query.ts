import { ask, call } from '../ask.js'
import type { Database } from '../database.js'
import { QueryError } from '../errors.js'
import { QUERIES, signatureOf } from '../queries/all.js'
import type { Param } from '../queries/params.js'
import type { Answer, Query } from '../queries/query.js'
import { Rows } from '../rows.js'
import { answerOf, count } from './cells.js'
import { type Html, html } from './html.js'
import type { Page } from './layout.js'
import { queryUrl } from './urls.js'

/** List of queries, and the answer to `?text=`. */
export function queriesPage(database: Database, state: URLSearchParams): Page {
  const text = state.get('text') ?? ''
  const { status, body } = text.trim() === '' ? HINT : answer(() => ask(database, text))
  return { title: 'queries', text, status, body: withList('', body) }
}

/** Form of a query, and its answer once the form is sent. */
export function queryPage(database: Database, name: string, state: URLSearchParams): Page {
  const query = QUERIES.get(name)
  if (!query) return { title: 'no such query', status: 404, body: html`<p>There is no query ${name}.</p>` }
  const params = Object.keys(query.params)
  const given = params.map((param) => state.get(param) ?? undefined)
  const isAsked = params.length === 0 || given.some((value) => value !== undefined)
  const args = given.map((value) => (value === '' ? undefined : value))
  const { status, body } = isAsked ? answer(() => call(database, name, args)) : NOTHING
  return { title: name, status, body: withList(name, html`${form(database, query, given)}${body}`) }
}

const NOTHING: Answered = { status: 200, body: html`` }

const HINT: Answered = {
  status: 200,
  body: html`<p class="about">Pick a query, or type one above: <code>count flights</code>,
<code>busiest[5]</code>, <code>select[airports; 0; 10; -mean]</code>.</p>`,
}

function withList(chosen: string, body: Html): Html {
  const items = [...QUERIES.values()].map((query) => {
    const link =
      query.name === chosen
        ? html`<a href="${queryUrl(query.name)}" aria-current="page">${query.name}</a>`
        : html`<a href="${queryUrl(query.name)}">${query.name}</a>`
    return html`<li>${link}</li>`
  })
  return html`<div class="columns"><nav class="list" aria-label="queries"><ul>${items}</ul></nav><div class="wide">${body}</div></div>`
}

function form(database: Database, query: Query, given: ReadonlyArray<string | undefined>): Html {
  const fields = Object.entries(query.params).map(([name, param], i) =>
    field(database, name, param, given[i]),
  )
  return html`<form class="query" action="${queryUrl(query.name)}">
<p><code>${signatureOf(query)}</code> ${query.about}</p>
${fields}
<button>Ask</button>
</form>`
}

function field(database: Database, name: string, param: Param<unknown>, given: string | undefined): Html {
  const { about, fallback = '', choices } = param
  const value = given ?? `${fallback}`
  const input = choices
    ? html`<select name="${name}">${choices(database).map((choice) => option(choice, value))}</select>`
    : html`<input name="${name}" value="${value}" maxlength="200" spellcheck="false" autocomplete="off">`
  return html`<label><span>${name}</span>${input}<small>${about}</small></label>`
}

function option(choice: string, chosen: string): Html {
  return choice === chosen ? html`<option selected>${choice}</option>` : html`<option>${choice}</option>`
}

interface Answered {
  readonly status: number
  readonly body: Html
}

/** Answer of a query, or its error. */
function answer(evaluate: () => Answer): Answered {
  const begun = performance.now()
  try {
    const answered = evaluate()
    const ms = (performance.now() - begun).toFixed(1)
    const size = answered instanceof Rows ? `${count(answered.cells.length)} rows, ` : ''
    const fine = html`<p class="fine">${size}evaluated in ${ms} ms</p>`
    return { status: 200, body: html`<section class="answer">${fine}${answerOf(answered)}</section>` }
  } catch (error) {
    if (!(error instanceof QueryError)) throw error
    return { status: 400, body: html`<p class="error" role="alert">${error.message}</p>` }
  }
}
