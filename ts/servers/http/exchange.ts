import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { reportError } from '../../in-clone/exit.js'
import { uptimeMs } from '../../node-internals/clock.js'
import { dropNextRequests, isBetweenRequests, responseOn } from '../../node-internals/http-parsers.js'
import { beforeAssigned, markSent } from '../../node-internals/http-responses.js'
import { serverOf } from '../../node-internals/sockets.js'
import { verifyHttpInternals } from '../../node-internals/verify.js'
import type { ServingOptions } from '../../options/clone-options.js'
import { refused } from '../../parent/fork-point.js'
import type { Callable } from '../../types/callable.js'
import type { Serving } from '../../types/clone.js'
import { type QcloneError, typed } from '../../types/errors.js'
import {
  breakOffLate,
  close,
  countWritten,
  cut,
  descriptorOf,
  endIfAsked,
  expectRequest,
  hasInput,
  hold,
  isEncrypted,
  letGo,
  mayBeHalfOpen,
  parserAtRest,
  postponeEnd,
  whenClosed,
} from '../client-connection.js'
import { DISCONNECT_TIMEOUT_MS, serve } from '../serve-client.js'
import { tellOperator } from '../tell-operator.js'
import { collectBody, dropBody, forgetBody } from './collect-body.js'
import { endWithError } from './end-response.js'
import { handOver, takeBack } from './hand-over.js'
import { answerInClone } from './response.js'
import { fromText, type ResponseSummary } from './response-summary.js'

/** Request for a clone to answer. */
export interface Exchange {
  kind: Serving & ('offload' | 'request')
  name: string
  request: IncomingMessage
  response: ServerResponse
  options: ServingOptions
  /** Maximum length in bytes of a body that is awaited before the fork. */
  maxBufferedBody: number
  /** Whether the answer usually does not read the body. */
  mayIgnoreBody: boolean
  /** Value of `Retry-After` for a client that is turned away, in seconds. */
  retryAfter: number
  /** Maximum time the clone continues after the response, in milliseconds. */
  afterResponseTimeout: number
  /** Called in the clone, to answer. */
  answer: () => void
  /** Functions that `answer` calls first, to be compiled in the parent. */
  calls: readonly Callable[]
}

/** Lets a clone answer a request, then continues the connection. Never rejects. */
export async function exchange(wanted: Exchange): Promise<void> {
  const { request, response } = wanted
  const { socket } = request
  const server = serverOf<Server>(socket)
  if (server?.listening) listened.add(server)
  const begunAt = uptimeMs()
  let isHeld = false
  try {
    if (!expectHttp(wanted)) return
    if (hasBody(request)) await collectBody(request, wanted.maxBufferedBody)
    const spentMs = uptimeMs() - begunAt
    hold(socket)
    isHeld = true
    await assigned(response, socket)
    // Nothing is read from here on, so the state of the connection stays the same until the fork.
    await parserAtRest()
    if (!socket.destroyed) {
      postponeEnd(socket)
      await haveAnswered(wanted, socket, spentMs)
    }
  } catch (error) {
    // This error concerns one client and must not end the parent.
    reportError(error)
    cut(socket)
  } finally {
    forgetBody(request)
    if (isHeld) letGo(socket)
    endIfAsked(socket)
  }
  if (server && listened.has(server) && !server.listening) closeIfIdle(socket, server)
}

/** Servers that have listened. Others get their connections through `emit`. */
const listened = new WeakSet<Server>()

/**
Closes a connection with nothing left to answer, if its server has been closed meanwhile. `server.close` closes idle
connections, but considered this one busy, although its client may already have had the clone's answer.
*/
function closeIfIdle(socket: Socket, server: Server): void {
  const fd = descriptorOf(socket)
  const isIdle = !responseOn(socket) && isBetweenRequests(socket, server)
  if (fd !== undefined && isIdle && !hasInput(fd)) socket.destroy()
}

/** Whether this Node.js has the internals that clones need to answer requests. If not, turns the client away. */
function expectHttp(wanted: Exchange): boolean {
  try {
    verifyHttpInternals()
    return true
  } catch (error) {
    const refusal = refused(typed(error), wanted)
    tellOperator(wanted, refusal)
    takeBack(wanted.response)
    turnAway(wanted.response, refusal, wanted.retryAfter)
    return false
  }
}

async function haveAnswered(wanted: Exchange, socket: Socket, spentMs: number): Promise<void> {
  const { kind, name, request, response, options, afterResponseTimeout, answer, calls } = wanted
  const whole = request.complete
  // A body that is already being read cannot wait.
  const lazy = wanted.mayIgnoreBody && request.readableFlowing === null
  // The state of a TLS connection advances in the clone only.
  const reusable = !isEncrypted(socket)
  const halfOpen = mayBeHalfOpen(socket)
  const { timeout = 0 } = socket
  // Nothing is read while the clone answers, so no request can be late.
  expectRequest(socket, false)
  socket.setTimeout(0)
  const served = await serve({
    kind,
    name,
    options,
    socket,
    halfOpen,
    awaitsBody: !whole,
    disconnectTimeout: DISCONNECT_TIMEOUT_MS,
    afterResponseTimeout,
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
        readsOn: wanted.mayIgnoreBody && request.readableFlowing !== null && !request.readableEnded,
        line,
        answer,
      }),
    onReady: () => {
      // The caller of `offload`, which buffers no body, may read the body here.
      if (wanted.maxBufferedBody > 0) dropBody(request)
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
  if (!whole) {
    // The clone may have read part of the body. The next bytes could be the end of the body, or look like a request.
    response.shouldKeepAlive = false
    dropNextRequests(socket)
  }
  turnAway(response, served.error, wanted.retryAfter)
  breakOffLate(socket)
}

function resumeConnection(socket: Socket, timeout: number): void {
  expectRequest(socket, true)
  socket.setTimeout(timeout)
}

/**
Makes a response look as if this process had sent its head. Loggers patch `writeHead` to see the start of an answer, and
read its headers at the end.
*/
function noteHead(response: ServerResponse, { statusCode, head }: ResponseSummary): void {
  const [statusLine = '', ...lines] = head.split('\r\n')
  // An informational response, such as `100 Continue`, has no head to note.
  if (statusLine === '' || response.headersSent) return
  try {
    for (const name of response.getHeaderNames()) response.removeHeader(name)
    for (const line of lines.filter(Boolean)) {
      const colon = line.indexOf(': ')
      response.appendHeader(line.slice(0, colon), line.slice(colon + 2))
    }
    response.writeHead(statusCode, statusLine.split(' ').slice(2).join(' '))
  } catch (error) {
    // A listener or a patched `writeHead` threw.
    reportError(error)
  }
}

/** Finishes a response that a clone has sent, so that Node continues the connection with the next request. */
function finish(response: ServerResponse, summary: ResponseSummary): void {
  noteHead(response, summary)
  // Node's own `finish` listener reads these fields. A connection that ends with this response is closed by now.
  markSent(response, summary)
  response.emit('finish')
}

/** Answers a client in place of a clone that could not be made or did not answer. */
function turnAway(response: ServerResponse, { code }: QcloneError, retryAfter: number): void {
  const status = STATUS_OF[code] ?? STATUS_UNAVAILABLE
  const headers = status === STATUS_UNAVAILABLE ? { 'retry-after': retryAfter } : {}
  endWithError(response, status, { headers })
}

/** Status for all other codes, for which there was no clone. */
const STATUS_UNAVAILABLE = 503
const STATUS_OF: Partial<Record<QcloneError['code'], number>> = {
  ERR_QCLONE_DIED: 500,
  ERR_QCLONE_START_FAILED: 500,
  ERR_QCLONE_TIMEOUT: 504,
}

function hasBody({ headers }: IncomingMessage): boolean {
  return 'transfer-encoding' in headers || Number(headers['content-length'] ?? 0) > 0
}

/** Waits until a response is next on its connection, or the connection is closed. */
function assigned(response: ServerResponse, socket: Socket): Promise<void> {
  if (response.socket || socket.destroyed) return Promise.resolve()
  return new Promise((resolve) => {
    const settle = () => {
      forget()
      undo()
      resolve()
    }
    const undo = beforeAssigned(response, settle)
    const forget = whenClosed(socket, settle)
  })
}
