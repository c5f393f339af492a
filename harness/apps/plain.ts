import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import type { App } from './app.js'
import {
  blocks,
  CERTIFICATE,
  COMPRESSIBLE,
  consult,
  DELIBERATE,
  DOWNLOAD_BYTES,
  digest,
  GREETING,
  item,
  KEY,
} from './content.js'

const TEXT = { 'Content-Type': 'text/plain; charset=utf-8' }

/** Server without a framework. */
export const http: App = {
  scheme: 'http',
  async start(port, host) {
    const server = createServer(handle)
    await once(server.listen(port, host), 'listening')
    return server
  },
}

export const https: App = {
  scheme: 'https',
  async start(port, host) {
    const server = createSecureServer({ key: readFileSync(KEY), cert: readFileSync(CERTIFICATE) }, handle)
    await once(server.listen(port, host), 'listening')
    return server
  },
}

export const handle: RequestListener = async (request, response) => {
  try {
    await route(request, response)
  } catch (error) {
    if (response.headersSent) response.destroy()
    else response.writeHead(500, TEXT).end(`${(error as Error).message}\n`)
  }
}

async function route(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://localhost')
  const [, first, second = ''] = pathname.split('/')
  const isRead = request.method === 'GET' || request.method === 'HEAD'
  if (isRead && first === 'hello') response.writeHead(200, TEXT).end(GREETING)
  else if (isRead && first === 'json') json(response, item(second, Object.fromEntries(searchParams)))
  else if (isRead && first === 'async') json(response, await consult())
  else if (isRead && first === 'error') throw new Error(DELIBERATE)
  else if (isRead && first === 'download') await download(response)
  else if (isRead && first === 'compressed') await compressed(request, response)
  else if (request.method === 'POST' && first === 'upload') json(response, await digest(request))
  else response.writeHead(404, TEXT).end('not found\n')
}

function json(response: ServerResponse, value: unknown): void {
  response.setHeader('Content-Type', 'application/json')
  response.end(JSON.stringify(value))
}

async function download(response: ServerResponse): Promise<void> {
  response.setHeader('Content-Length', DOWNLOAD_BYTES)
  await pipeline(Readable.from(blocks()), response)
}

async function compressed(request: IncomingMessage, response: ServerResponse): Promise<void> {
  response.setHeader('Vary', 'Accept-Encoding')
  if (!/\bgzip\b/.test(`${request.headers['accept-encoding']}`)) {
    response.writeHead(200, TEXT).end(COMPRESSIBLE)
    return
  }
  response.writeHead(200, { ...TEXT, 'Content-Encoding': 'gzip' })
  await pipeline(Readable.from([COMPRESSIBLE]), createGzip(), response)
}
