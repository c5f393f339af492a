import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { pipeline, Readable } from 'node:stream'

import type { Health } from './health.js'
import type { Trades } from './trades.js'

/** Whether a request takes long. Clones answer these, the parent answers the others. */
export function isLong(request: IncomingMessage): boolean {
  return ['/volume', '/trades.csv'].includes(pathOf(request))
}

export function routes(trades: Trades, health: Health): RequestListener {
  return (request, response) => {
    const path = pathOf(request)
    // Makes the client reconnect for its next request, by then to another process.
    if (health.state === 'stopping') response.setHeader('Connection', 'close')

    // Liveness: any answer proves that the event loop runs.
    if (path === '/healthz') return send(response, 200, 'ok')
    if (path === '/readyz') {
      const reason = health.notReady()
      return send(response, reason === undefined ? 200 : 503, reason ?? 'ready')
    }
    if (health.state === 'starting') {
      response.setHeader('Retry-After', 1)
      return send(response, 503, 'starting')
    }

    response.setHeader('X-Version', trades.version)
    response.setHeader('X-Volume', trades.volume)
    if (path === '/total') return send(response, 200, `${trades.volume}`)
    if (path === '/volume') return sendJson(response, trades.volumeBySymbol())
    if (path === '/trades.csv') return sendCsv(response, trades.csv())
    return send(response, 404, 'not found')
  }
}

function pathOf({ url = '' }: IncomingMessage): string {
  return url.split('?', 1)[0] ?? ''
}

function send(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'Content-Type': 'text/plain; charset=utf-8' }).end(`${text}\n`)
}

function sendJson(response: ServerResponse, value: unknown): void {
  response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify(value))
}

function sendCsv(response: ServerResponse, lines: Iterable<string>): void {
  response.writeHead(200, { 'Content-Type': 'text/csv; charset=utf-8' })
  // Ignores a client that leaves early.
  pipeline(Readable.from(lines), response, () => {})
}
