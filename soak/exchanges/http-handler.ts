import { createHash } from 'node:crypto'
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { pipeline } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { offload } from 'node-qclone'
import { type Ask, readPath } from './ask.js'
import { die, exit, fail, whenAssigned } from './death.js'
import { filled } from './token.js'
import { WANTED } from './wanted.js'

const PIECES = 4
/** Clones with the priority of their parent. Waiting for a CPU is not a fault this program looks for. */
const AT_ONCE = { priority: 0 }

/** Does what the request says. */
export const handle: RequestListener = (request, response) => {
  const ask = readPath(request.url ?? '')
  if (!ask) return refuse(response)
  response.setHeader('x-token', ask.token)
  if (ask.act === 'throw') return fail(response)
  void act(ask, request, response)
}

/** Does what the request says, with `offload` as far as that can. */
export const handleByOffload: RequestListener = (request, response) => {
  const ask = readPath(request.url ?? '')
  if (!ask) return refuse(response)
  if (ask.byParent) return handle(request, response)
  response.setHeader('x-token', ask.token)
  if (ask.act === 'echo') {
    void digestOf(request).then((digest) => {
      if (digest !== undefined) void offload(response, () => `${ask.token} ${digest}`, AT_ONCE)
    })
    return
  }
  void offload(response, () => give(ask, request, response), AT_ONCE)
}

function refuse(response: ServerResponse): void {
  response.statusCode = 404
  response.end('no such path\n')
}

async function act(ask: Ask, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { act, token, size, wait } = ask
  const text = filled(token, size)
  switch (act) {
    case 'at-once':
      response.end(text)
      break
    case 'later':
      await pause(wait)
      response.end(text)
      break
    case 'echo': {
      const digest = await digestOf(request)
      if (digest !== undefined) response.end(`${token} ${digest} ${text}`)
      break
    }
    case 'pipe':
      response.write(token)
      // Throws if the client has left in the meantime.
      if (!response.destroyed) pipeline(request, response, () => {})
      break
    case 'early': {
      response.write(token)
      const digest = await digestOf(request)
      if (digest !== undefined) response.end(digest)
      break
    }
    case 'stream':
      for (const piece of piecesOf(text)) {
        response.write(piece)
        await pause(wait)
      }
      response.end()
      break
    case 'empty':
      response.writeHead(204)
      response.end()
      break
    case 'close':
      response.setHeader('connection', 'close')
      response.end(text)
      break
    case 'length':
      response.writeHead(200, { 'content-length': text.length })
      response.end(text)
      break
    case 'trailers':
      // Only a chunked response has trailers.
      if (request.httpVersion === '1.1' && request.method !== 'HEAD') {
        response.writeHead(200, { trailer: 'x-token' })
        response.addTrailers({ 'x-token': token })
      }
      response.write(text)
      response.end()
      break
    case 'hints':
      // Node interleaves data written before a response is the next on its connection.
      await new Promise<unknown>((resolve) => whenAssigned(response, resolve))
      response.writeEarlyHints({ link: '</style.css>; rel=preload' })
      await pause(wait)
      response.end(text)
      break
    case 'reject':
      await pause(wait)
      // The rejection is not handled.
      fail(response)
      break
    case 'die':
      die(response)
      break
    case 'die-later':
      await pause(wait)
      die(response)
      break
    case 'die-within':
      whenAssigned(response, () => response.write(filled(token, size || 1), () => die(response)))
      break
    case 'exit':
      exit(response)
      break
    case 'never':
      break
    case 'destroy':
      await pause(wait)
      whenAssigned(response, () => response.destroy())
      break
    case 'destroy-within':
      whenAssigned(response, () => response.write(filled(token, size || 1), () => response.destroy()))
      break
    default:
      refuse(response)
  }
}

/** Returns the value for `offload` to send. */
function give(ask: Ask, request: IncomingMessage, response: ServerResponse): unknown {
  const { act, token, size, wait } = ask
  const text = filled(token, size)
  switch (act) {
    case 'later':
      return pause(wait).then(() => text)
    case 'pipe':
      return digestOf(request).then((digest) => `${token} ${digest}`)
    case 'stream':
      return pieceByPiece(text, wait)
    case 'length':
      return Buffer.from(text)
    case 'trailers':
      return { token, size }
    case 'throw':
      throw new Error(`${WANTED}: ${token}`)
    case 'reject':
      return pause(wait).then(() => Promise.reject(new Error(`${WANTED}: ${token}`)))
    case 'die':
      return ended(die, response)
    case 'die-later':
      return pause(wait).then(() => ended(die, response))
    case 'exit':
      return ended(exit, response)
    case 'never':
      return new Promise(() => {})
    default:
      return text
  }
}

function ended(how: (response: ServerResponse) => void, response: ServerResponse): Promise<never> {
  how(response)
  return new Promise(() => {})
}

async function* pieceByPiece(text: string, wait: number): AsyncGenerator<string> {
  for (const piece of piecesOf(text)) {
    yield piece
    await pause(wait)
  }
}

function piecesOf(text: string): string[] {
  const length = Math.max(1, Math.ceil(text.length / PIECES))
  return Array.from({ length: PIECES }, (_, i) => text.slice(i * length, (i + 1) * length)).filter(Boolean)
}

/** Returns length and hash of a body, and its trailers; `undefined` if the client has left. */
async function digestOf(request: IncomingMessage): Promise<string | undefined> {
  const hash = createHash('md5')
  let length = 0
  try {
    for await (const chunk of request) {
      hash.update(chunk as Buffer)
      length += (chunk as Buffer).length
    }
  } catch {
    return undefined
  }
  return `${length} ${hash.digest('hex')} ${JSON.stringify(request.trailers)}`
}

/** Waits `wait` milliseconds, or one turn of the event loop. */
export function pause(wait: number): Promise<void> {
  return wait === 0 ? new Promise((resolve) => setImmediate(resolve)) : delay(wait)
}
