import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Serving } from '../children.js'
import { uptimeMs } from '../clock.js'
import type { Callable } from '../clone-context/ahead.js'
import { reportError } from '../clone-context/leave.js'
import type { QcloneError } from '../errors.js'
import type { ServingOptions } from '../options.js'
import { collectBody, dropBody, forgetBody } from './collect.js'
import {
  breakOffLate,
  close,
  countWritten,
  cut,
  expectRequest,
  hold,
  isEncrypted,
  letGo,
  mayBeHalfOpen,
  parserAtRest,
  whenClosed,
} from './connection.js'
import { handOver, takeBack } from './hand-over.js'
import { answerInClone } from './response.js'
import { FAREWELL_MS, serve } from './serve.js'
import { fromText, type Told } from './told.js'

/** A request that a clone is to answer. */
export interface Exchange {
  event: Serving & ('offload' | 'request')
  name: string
  request: IncomingMessage
  response: ServerResponse
  options: ServingOptions
  /** Bytes of the body to wait for before there is a clone. */
  collect: number
  /** Whether the answer most often needs nothing of a body. */
  mayIgnoreBody: boolean
  /** Seconds after which a client that was turned away may ask again. */
  retryAfter: number
  /** For how many milliseconds the clone may go on after the response. */
  linger: number
  /** Called in the clone, to answer. */
  answer: () => void
  /** Functions that `answer` calls first. */
  calls: readonly Callable[]
}

/** Has a clone answer a request, and goes on with its connection. Never rejects. */
export async function exchange(wanted: Exchange): Promise<void> {
  const { request, response } = wanted
  const { socket } = request
  const begunAt = uptimeMs()
  let isHeld = false
  try {
    if (hasBody(request)) await collectBody(request, wanted.collect)
    const spentMs = uptimeMs() - begunAt
    hold(socket)
    isHeld = true
    await assigned(response, socket)
    // Nothing is read from here on, so that what holds now holds at the fork.
    await parserAtRest()
    if (!socket.destroyed) await haveAnswered(wanted, socket, spentMs)
  } catch (error) {
    // Of this client's alone: it must not be what ends the parent.
    reportError(error)
    cut(socket)
  } finally {
    forgetBody(request)
    if (isHeld) letGo(socket)
  }
}

async function haveAnswered(wanted: Exchange, socket: Socket, spentMs: number): Promise<void> {
  const { event, name, request, response, options, linger, answer, calls } = wanted
  const whole = request.complete
  // Unless somebody has begun to read it.
  const lazy = wanted.mayIgnoreBody && request.readableFlowing === null
  // Only the clone knows how many records of TLS it has written.
  const reusable = !isEncrypted(socket)
  const halfOpen = mayBeHalfOpen(socket)
  const { timeout = 0 } = socket
  // Nothing is read while the clone answers, so that nothing can be late.
  expectRequest(socket, false)
  socket.setTimeout(0)
  const served = await serve({
    event,
    name,
    options,
    socket,
    halfOpen,
    awaitsBody: !whole,
    farewell: FAREWELL_MS,
    linger,
    readDone: fromText,
    inClone: (line) =>
      answerInClone({
        request,
        response,
        socket,
        whole,
        lazy,
        reusable,
        halfOpen,
        spentMs,
        timeout,
        line,
        answer,
      }),
    onReady: () => {
      // Whoever offloads an answer may read the body here.
      if (wanted.collect > 0) dropBody(request)
    },
    onBegun: (how) => {
      const isOffloaded = takeBack(response)
      noteHead(response, fromText(how))
      if (isOffloaded) handOver(response)
    },
    calls: [answer, ...calls],
  })
  takeBack(response)
  if (socket.destroyed) return
  if ('how' in served) {
    const { bytes, last, whole } = served.how
    countWritten(socket, bytes)
    if (last) close(socket)
    else resumeConnection(socket, timeout)
    if (whole) finish(response, served.how)
    return breakOffLate(socket)
  }
  if (served.left) return close(socket)
  if (served.begun || served.stalled || response.headersSent) return cut(socket)
  resumeConnection(socket, timeout)
  // The clone may have read some of the body.
  if (!whole) response.shouldKeepAlive = false
  turnAway(response, served.error, wanted.retryAfter)
  breakOffLate(socket)
}

function resumeConnection(socket: Socket, timeout: number): void {
  expectRequest(socket, true)
  socket.setTimeout(timeout)
}

/**
Makes a response look as if this process had sent its head: loggers note by `writeHead` when an answer began, and read
its headers at its end.
*/
function noteHead(response: ServerResponse, { statusCode, head }: Told): void {
  const [statusLine = '', ...lines] = head.split('\r\n')
  // Only `100 Continue` or its like has been sent so far.
  if (statusLine === '' || response.headersSent) return
  try {
    for (const name of response.getHeaderNames()) response.removeHeader(name)
    for (const line of lines.filter(Boolean)) {
      const colon = line.indexOf(': ')
      response.appendHeader(line.slice(0, colon), line.slice(colon + 2))
    }
    response.writeHead(statusCode, statusLine.split(' ').slice(2).join(' '))
  } catch (error) {
    // A listener's, who hears of it here as it would in the clone.
    reportError(error)
  }
}

/** The response is over, although this process has written nothing of it: the connection goes on. */
function finish(response: ServerResponse, told: Told): void {
  noteHead(response, told)
  // Node goes by these, once the listeners have been called. The connection is closed by now, if it is to be.
  Object.assign(response, { statusCode: told.statusCode, _header: told.head, _last: false, finished: true })
  response.emit('finish')
}

/** Tells a client that there was no clone, or none that answered. */
function turnAway(response: ServerResponse, { code }: QcloneError, retryAfter: number): void {
  const status = STATUS_OF[code] ?? STATUS_UNAVAILABLE
  for (const name of response.getHeaderNames()) response.removeHeader(name)
  if (status === STATUS_UNAVAILABLE) response.setHeader('retry-after', retryAfter)
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' })
  response.end(`${response.statusMessage}\n`)
}

/** Any other: there could be no clone. */
const STATUS_UNAVAILABLE = 503
const STATUS_OF: Partial<Record<QcloneError['code'], number>> = {
  ERR_QCLONE_DIED: 500,
  ERR_QCLONE_NOT_READY: 500,
  ERR_QCLONE_TIMEOUT: 504,
}

function hasBody({ headers }: IncomingMessage): boolean {
  return 'transfer-encoding' in headers || Number(headers['content-length'] ?? 0) > 0
}

/** Waits until a response is the next on its connection, or the connection is closed. */
function assigned(response: ServerResponse, socket: Socket): Promise<void> {
  if (response.socket || socket.destroyed) return Promise.resolve()
  return new Promise((resolve) => {
    const settle = () => {
      forget()
      Reflect.deleteProperty(response, 'assignSocket')
      resolve()
    }
    const { assignSocket } = response
    response.assignSocket = (socket) => {
      settle()
      Reflect.apply(assignSocket, response, [socket])
    }
    const forget = whenClosed(socket, settle)
  })
}
