import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { calledInClones } from '../clone-context/ahead.js'
import { leave } from '../clone-context/leave.js'
import { abandon, beforeFirstWrite, expectRequest, letGo, watchClient } from './connection.js'
import type { Line } from './serve.js'

/** What a clone tells of a response that it has sent. */
export interface Told {
  /** Whether the connection ends with it. */
  last: boolean
  statusCode: number
  /** Status line and headers. */
  head: string
}

/** What of a request its clone is to know. */
interface Answering {
  request: IncomingMessage
  response: ServerResponse
  socket: Socket
  /** Whether the whole request had arrived at the fork. */
  whole: boolean
  /** Whether the parent can go on with the connection. */
  reusable: boolean
  /** Whether a client that only says that it sends nothing more has not left. */
  halfOpen: boolean
  /** After how many milliseconds without traffic the connection is broken off; 0: never. */
  timeout: number
  line: Line<Told>
  answer: () => void
}

/** Of a response, what no public API gives. */
interface Internals {
  _last?: boolean
  _header?: string | null
  _closed?: boolean
}

/** In a clone: answers a request with the parent's own request and response, on the connection that is kept. */
export function answerInClone(answering: Answering): void {
  const { response, socket, whole, reusable, halfOpen, timeout, line, answer } = answering
  beforeFirstWrite(socket, line.begun)
  socket.setTimeout(timeout)
  if (!reusable) response.shouldKeepAlive = false
  // Those of the parent are its own. Node's would go on with the next request, which is the parent's, too.
  for (const event of ['finish', 'close']) response.removeAllListeners(event)
  let over = false
  let unwatch = () => {}
  const done = (told: Told) => {
    if (!over) line.done(told)
    over = true
    unwatch()
  }
  response.on('finish', () => finish(answering, done))
  // As by a handler that destroys it: the parent then closes it, too, and does not answer in its place.
  socket.on('close', () => done({ last: true, statusCode: response.statusCode, head: '' }))
  if (!whole) {
    expectRequest(socket, true)
    letGo(socket)
    endLate(answering, done)
  }
  answer()
  // As node does with a client that has ended its side: what is answered at once it has, what comes later not.
  if (whole && !over) unwatch = watchClient(socket, { halfOpen }, () => leaveWithClient(answering, done))
}

/** The client has left, or has ended its side before it was answered. Listeners for that are told first. */
function leaveWithClient({ response, socket }: Answering, done: (told: Told) => void): void {
  done({ last: true, statusCode: response.statusCode, head: '' })
  socket.destroy()
  setImmediate(() => leave(Number(process.exitCode ?? 0)))
}

/** As node does with a request that does not arrive in time. */
function endLate({ request, response, socket }: Answering, done: (told: Told) => void): void {
  const { requestTimeout = 0 } = (socket as { server?: Server }).server ?? {}
  if (requestTimeout === 0) return
  const timer = setTimeout(() => {
    if (request.complete) return
    if (response.headersSent) return void socket.destroy()
    socket.end(LATE, () => {
      done({ last: true, statusCode: 408, head: LATE })
      socket.destroy()
    })
  }, requestTimeout)
  timer.unref()
}

const LATE = 'HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n'

/** The whole response is with the kernel. */
function finish({ response, socket, reusable }: Answering, done: (told: Told) => void): void {
  const internals = response as Internals
  const last = internals._last === true || !reusable
  const { statusCode } = response
  response.detachSocket(socket)
  process.nextTick(() => {
    if (internals._closed) return
    Object.assign(response, { destroyed: true, _closed: true })
    response.emit('close')
  })
  // What the clone does from here on is no longer for the client.
  process.exitCode ??= 0
  done({ last, statusCode, head: internals._header ?? '' })
  if (last) socket.destroySoon()
  else setImmediate(() => abandon(socket))
}

calledInClones(answerInClone, beforeFirstWrite, finish, abandon)
