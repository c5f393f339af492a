import type { Database } from '../database.js'
import { count, moment } from './cells.js'
import { type Content, type Html, html } from './html.js'
import { tableUrl } from './urls.js'

export interface Page {
  readonly title: string
  readonly body: Content
  readonly status?: number
  /** Content of the query box. */
  readonly text?: string
}

/** Complete page. `sinceMs` returns the time spent on it so far. */
export function layout(database: Database, { title, body, text = '' }: Page, sinceMs: () => number): Html {
  const { pid, at, version } = database.snapshot
  const tables = [...database.relations.keys()]
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title} · rdb</title>
<link rel="icon" href="/icon.svg">
<link rel="stylesheet" href="/style.css">
</head>
<body>
<header>
<a class="brand" href="/">rdb</a>
<nav>${tables.map((name) => link(tableUrl({ name }), name, title))}${link('/query', 'queries', title)}</nav>
<form class="ask" action="/query" role="search">
<label for="text">q)</label>
<input id="text" name="text" value="${text}" placeholder="count flights" maxlength="2000" spellcheck="false" autocomplete="off">
<button>Ask</button>
</form>
</header>
<main>
<h1>${title}</h1>
${body}
</main>
<footer>
<span>answered by clone <b id="pid">${pid}</b></span>
<span>snapshot of <time id="at" datetime="${at.toISOString()}">${moment(at)}</time> UTC</span>
<span>after <b id="version" data-value="${version}">${count(version)}</b> updates</span>
<span>in <b id="ms">${sinceMs().toFixed(1)}</b> ms</span>
</footer>
</body>
</html>
`
}

function link(href: string, text: string, title: string): Html {
  return text === title
    ? html`<a href="${href}" aria-current="page">${text}</a>`
    : html`<a href="${href}">${text}</a>`
}
