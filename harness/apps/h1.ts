import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'
import { setTimeout as delay } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import type { App } from './app.js'

/** Paths with special answers. The answer to any other path describes the request. */
export const PATHS = {
  page: '/page',
  large: '/large',
  chunked: '/chunked',
  early: '/early',
  empty: '/empty',
  unchanged: '/unchanged',
  moved: '/moved',
  missing: '/missing',
  error: '/error',
} as const

const SETTINGS = {
  // Short timeouts, so that the server ends each test.
  headersTimeout: 2000,
  requestTimeout: 4000,
  connectionsCheckingInterval: 250,
  keepAliveTimeout: 1000,
  // Many tools send requests without a Host header and expect an answer.
  requireHostHeader: false,
}
/**
The handler answers in a later turn, like any handler that waits for something. Until then the request is unanswered,
with or without clones.
*/
const MOMENT_MS = 10
const CHANGED = 'Mon, 02 Jan 2023 03:04:05 GMT'
const LARGE_BYTES = 2 ** 20
const CHUNKS = 20

const PAGE = Buffer.from(`<!doctype html>\n<title>A page</title>\n${'<p>One of many.</p>\n'.repeat(200)}`)
const LARGE = Buffer.from(Array.from({ length: LARGE_BYTES / 8 }, (_, i) => `${i}\n`.padStart(8)).join(''))
const TEXT = { 'Content-Type': 'text/plain; charset=utf-8' }

/** Server without a framework that covers all of HTTP/1.1. If `wrong`, each answer has an extra header. */
export function h1(wrong: boolean): App {
  return {
    scheme: 'http',
    async start(port, host) {
      const server = createServer(SETTINGS, wrong ? handleWrong : handle)
      await once(server.listen(port, host), 'listening')
      return server
    },
  }
}

const handleWrong: RequestListener = (request, response) => {
  response.setHeader('Expires', 'never')
  handle(request, response)
}

const handle: RequestListener = async (request, response) => {
  try {
    // The body may already be complete.
    const body = await text(request)
    await delay(MOMENT_MS)
    const answer = ANSWERS[request.url ?? '']
    if (answer) answer(request, response)
    else describe(request, response, body)
  } catch (error) {
    response.destroy(error as Error)
  }
}

/** Handlers of {@link PATHS}. */
const ANSWERS: Record<string, (request: IncomingMessage, response: ServerResponse) => void> = {
  [PATHS.page]: (request, response) => sendEntity(request, response, PAGE, 'text/html; charset=utf-8'),
  [PATHS.large]: (request, response) => sendEntity(request, response, LARGE, TEXT['Content-Type']),
  [PATHS.chunked]: (_, response) => sendChunks(response),
  [PATHS.early]: (_, response) => {
    const send = () => response.writeHead(200, TEXT).end('late\n')
    response.writeEarlyHints({ link: '</style.css>; rel=preload; as=style' }, send)
  },
  [PATHS.empty]: (_, response) => response.writeHead(204).end(),
  [PATHS.unchanged]: (_, response) => response.writeHead(304, { ETag: '"1"' }).end(),
  [PATHS.moved]: (_, response) => response.writeHead(301, { ...TEXT, Location: PATHS.page }).end('moved\n'),
  [PATHS.missing]: (_, response) => response.writeHead(404, TEXT).end('not found\n'),
  [PATHS.error]: (_, response) => response.writeHead(500, TEXT).end('a deliberate error\n'),
}

/** Honors the client's conditions, range and content coding. */
function sendEntity(request: IncomingMessage, response: ServerResponse, bytes: Buffer, type: string): void {
  const { headers } = request
  const isPacked = /\bgzip\b/.test(`${headers['accept-encoding']}`)
  const content = isPacked ? gzipSync(bytes) : bytes
  const tag = `"${createHash('sha256').update(bytes).digest('hex').slice(0, 16)}${isPacked ? '-gzip' : ''}"`
  const since = headers['if-none-match'] === undefined ? headers['if-modified-since'] : undefined
  response.setHeader('ETag', tag)
  response.setHeader('Last-Modified', CHANGED)
  response.setHeader('Cache-Control', 'max-age=60')
  response.setHeader('Vary', 'Accept-Encoding')
  if (headers['if-none-match'] === tag || (since && Date.parse(since) >= Date.parse(CHANGED))) {
    response.writeHead(304).end()
    return
  }
  response.setHeader('Accept-Ranges', 'bytes')
  response.setHeader('Content-Type', type)
  if (isPacked) response.setHeader('Content-Encoding', 'gzip')
  const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(headers.range ?? '') ?? []
  const last = Math.min(Number(to), content.length - 1)
  if (from === undefined) response.writeHead(200, { 'Content-Length': content.length }).end(content)
  else if (Number(from) > last) {
    response.writeHead(416, { 'Content-Range': `bytes */${content.length}` }).end()
  } else {
    const part = content.subarray(Number(from), last + 1)
    response.setHeader('Content-Range', `bytes ${from}-${last}/${content.length}`)
    response.writeHead(206, { 'Content-Length': part.length }).end(part)
  }
}

function sendChunks(response: ServerResponse): void {
  response.writeHead(200, { ...TEXT, Trailer: 'X-Chunks' })
  for (let chunk = 0; chunk < CHUNKS; chunk++) response.write(`chunk ${chunk}\n`.repeat(chunk + 1))
  response.addTrailers({ 'X-Chunks': `${CHUNKS}` })
  response.end()
}

/** Answers with a description of the parsed request. */
function describe(request: IncomingMessage, response: ServerResponse, body: string): void {
  const { method, url, httpVersion, rawHeaders, rawTrailers } = request
  const described = JSON.stringify({ method, url, httpVersion, rawHeaders, rawTrailers, body })
  response.writeHead(200, {
    'Content-Type': 'application/json',
    'Content-Length': Buffer.byteLength(described),
  })
  response.end(described)
}
