import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Serving } from '../children.js'
import type { Callable } from '../clone-context/ahead.js'
import { reportError } from '../clone-context/leave.js'
import type { QcloneError } from '../errors.js'
import type { ServingOptions } from '../options.js'
import { close, cut, expectRequest, hold, isEncrypted, letGo, whenClosed } from './connection.js'
import { answerInClone, type Told } from './response.js'
import { FAREWELL_MS, serve } from './serve.js'

/** A request that a clone is to answer. */
export interface Exchange {
  event: Serving & ('offload' | 'request')
  name: string
  request: IncomingMessage
  response: ServerResponse
  options: ServingOptions
  /** Bytes of the body to wait for before there is a clone. */
  collect: number
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
  if (!hasBody(request)) hold(socket)
  else {
    await collected(request, wanted.collect)
    hold(socket)
  }
  try {
    await assigned(response, socket)
    if (!socket.destroyed) await haveAnswered(wanted, socket)
  } catch (error) {
    // Of this client's alone: it must not be what ends the parent.
    reportError(error)
    cut(socket)
  } finally {
    letGo(socket)
  }
}

async function haveAnswered(wanted: Exchange, socket: Socket): Promise<void> {
  const { event, name, request, response, options, linger, answer, calls } = wanted
  const whole = request.complete
  // Of what still comes, and of what TLS counts, only the clone knows.
  const reusable = whole && !isEncrypted(socket)
  if (!whole) expectRequest(socket, false)
  const halfOpen = serverOf(socket)?.httpAllowHalfOpen === true
  const { timeout = 0 } = socket
  socket.setTimeout(0)
  const served = await serve<Told>({
    event,
    name,
    options,
    socket,
    halfOpen,
    farewell: FAREWELL_MS,
    linger,
    inClone: (line) =>
      answerInClone({ request, response, socket, whole, reusable, halfOpen, timeout, line, answer }),
    calls: [answer, ...calls],
  })
  if (socket.destroyed) return
  if ('how' in served) {
    if (served.how.last) return close(socket)
    socket.setTimeout(timeout)
    return finish(response, served.how)
  }
  if (served.left) return close(socket)
  if (served.begun || response.headersSent) return cut(socket)
  socket.setTimeout(timeout)
  if (!whole) {
    expectRequest(socket, true)
    response.shouldKeepAlive = false
  }
  turnAway(response, served.error, wanted.retryAfter)
}

function serverOf(socket: Socket): (Server & { httpAllowHalfOpen?: boolean }) | undefined {
  return (socket as { server?: Server }).server
}

/** The response is over, although this process has written nothing of it: the connection goes on. */
function finish(response: ServerResponse, { statusCode, head }: Told): void {
  // For listeners, which log it perhaps.
  Object.assign(response, { statusCode, _header: head, finished: true })
  const { req: request } = response
  response.emit('finish')
  // What of the body is still here nobody will read.
  request.resume()
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

/** Waits until all of a request's body is here, or `bytes` of it, or the client has left. */
async function collected(request: IncomingMessage, bytes: number): Promise<void> {
  if (bytes === 0) return
  const state = (request as unknown as { _readableState: { highWaterMark: number } })._readableState
  const { highWaterMark } = state
  // Node stops reading from a connection whose body nobody takes, when there is that much of it.
  state.highWaterMark = Math.max(bytes + 1, highWaterMark)
  // What has come with the head is taken apart in this turn.
  await new Promise<void>(process.nextTick)
  const isHere = () => request.complete || request.readableLength > bytes || request.destroyed
  // To listen is to take the end of a body that is over and empty.
  if (!isHere()) {
    await new Promise<void>((resolve) => {
      const look = () => {
        if (!isHere()) return
        request.off('readable', look)
        request.off('close', look)
        resolve()
      }
      request.on('readable', look)
      request.on('close', look)
    })
  }
  state.highWaterMark = highWaterMark
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
