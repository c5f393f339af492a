import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'

import type { Database } from '../database.js'
import { QueryError } from '../errors.js'
import { html } from './html.js'
import { layout, type Page } from './layout.js'
import { overview } from './overview.js'
import { queriesPage, queryPage } from './query.js'
import { ICON, STYLE } from './style.js'
import { csvOf, tablePage } from './table.js'

const HEADERS = {
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'content-security-policy':
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
}

/** Files that the parent serves itself. */
const FILES: Record<string, { type: string; text: string }> = {
  '/health': { type: 'text/plain; charset=utf-8', text: 'ok\n' },
  '/style.css': { type: 'text/css; charset=utf-8', text: STYLE },
  '/icon.svg': { type: 'image/svg+xml', text: ICON },
}

/** Whether a request needs no snapshot, because the answer contains nothing from the database. */
export function isForParent({ url = '', method }: IncomingMessage): boolean {
  return Object.hasOwn(FILES, url) || !isRead(method)
}

/** Shows the database as pages. They share no state except through the URL. */
export function viewer(database: Database): RequestListener {
  return (request, response) => {
    const begun = performance.now()
    const { url = '', method } = request
    for (const [name, value] of Object.entries(HEADERS)) response.setHeader(name, value)
    const file = Object.hasOwn(FILES, url) ? FILES[url] : undefined
    if (!isRead(method)) {
      response.writeHead(405, { allow: 'GET, HEAD' }).end()
    } else if (file) {
      response.writeHead(200, { 'content-type': file.type, 'cache-control': 'max-age=60' }).end(file.text)
    } else {
      // A snapshot becomes outdated immediately.
      response.setHeader('cache-control', 'no-store')
      answer(database, url, response, () => performance.now() - begun)
    }
  }
}

function isRead(method: string | undefined): boolean {
  return method === 'GET' || method === 'HEAD'
}

function answer(database: Database, url: string, response: ServerResponse, sinceMs: () => number): void {
  const location = URL.canParse(url, 'http://rdb') ? new URL(url, 'http://rdb') : undefined
  const [, folder = '', name = '', ...rest] = location?.pathname.split('/').map(decoded) ?? []
  const csv = folder === 'table' && name.endsWith('.csv') && database.relations.get(name.slice(0, -4))
  if (csv) {
    const { version } = database.snapshot
    response.writeHead(200, { 'content-type': 'text/csv; charset=utf-8', 'x-version': version })
    // A client that leaves early ends the clone.
    pipeline(Readable.from(csvOf(csv)), response).catch(() => {})
    return
  }
  const page = rest.length === 0 && location ? pageAt(database, folder, name, location.searchParams) : NOWHERE
  const bytes = Buffer.from(layout(database, page, sinceMs).text)
  const head = { 'content-type': 'text/html; charset=utf-8', 'content-length': bytes.length }
  response.writeHead(page.status ?? 200, head).end(bytes)
}

const NOWHERE: Page = { title: 'not found', status: 404, body: html`<p>There is nothing here.</p>` }

function pageAt(database: Database, folder: string, name: string, state: URLSearchParams): Page {
  try {
    if (folder === '' && name === '') return overview(database)
    if (folder === 'table' && name !== '') return tablePage(database, name, state)
    if (folder === 'query') {
      return name === '' ? queriesPage(database, state) : queryPage(database, name, state)
    }
    return NOWHERE
  } catch (error) {
    if (!(error instanceof QueryError)) throw error
    const body = html`<p class="error" role="alert">${error.message}</p>`
    return { title: 'not like this', status: 400, body }
  }
}

/** Decodes part of a path. Invalid encodings match nothing. */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return '\uFFFD'
  }
}
