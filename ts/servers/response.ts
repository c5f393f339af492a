import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { createRequire } from 'node:module'
import type { Socket } from 'node:net'
import { nextTick, setImmediate, setTimeout } from '../clock.js'
import { type Callable, calledInClones } from '../clone-context/ahead.js'
import { leave, STATUS_OF_ERROR } from '../clone-context/leave.js'
import { native } from '../native.js'
import { process } from '../node.js'
import {
  abandon,
  beforeFirstWrite,
  bytesWritten,
  expectRequest,
  letGo,
  readOnDemand,
  watchClient,
} from './connection.js'
import { takeBack } from './hand-over.js'
import { keepBackUntilWhole } from './keep-back.js'
import type { Line } from './serve.js'
import { inText } from './told.js'

/** What of a request its clone is to know. */
interface Answering {
  request: IncomingMessage
  response: ServerResponse
  socket: Socket
  /** Whether the whole request had arrived at the fork. */
  whole: boolean
  /** Whether the clone reads the rest of a body only if it is asked for. */
  lazy: boolean
  /** Whether a client that only says that it sends nothing more has not left. */
  halfOpen: boolean
  /** Milliseconds for which the parent read the request's body. */
  spentMs: number
  /** After how many milliseconds without traffic the connection is broken off; 0: never. */
  timeout: number
  /** Whether the parent could go on with a connection on which the clone has only written. */
  reusable: boolean
  line: Line
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
  const { request, response, socket, whole, lazy, halfOpen, timeout, line, answer } = answering
  takeBack(response)
  // As a listening socket does in a server: a handler may wait for a timer without a reference, or for its client.
  native().holdLoop(true)
  const bytesBefore = bytesWritten(socket)
  beforeFirstWrite(socket, () => line.begun(tellOf(response, false, false, 0)))
  keepBackUntilWhole(request, response, socket)
  socket.setTimeout(timeout)
  if (!answering.reusable) response.shouldKeepAlive = false
  // Those of the parent are its own. Node's would go on with the next request, which is the parent's, too.
  for (const event of ['finish', 'close']) response.removeAllListeners(event)
  let over = false
  let unwatch = () => {}
  const done = (whole: boolean, last: boolean) => {
    if (over) return
    over = true
    unwatch()
    try {
      line.done(tellOf(response, whole, last, bytesWritten(socket) - bytesBefore))
    } catch {
      // The parent has given this clone up, or has ended.
      return leave(STATUS_OF_ERROR)
    }
    native().holdLoop(false)
  }
  response.on('finish', () => finish(answering, done))
  // As by a handler that destroys it: the parent then closes it, too, and does not answer in its place.
  socket.on('close', () => done(false, true))
  const read = () => {
    // Only this process reads the rest.
    answering.reusable = false
    response.shouldKeepAlive = false
    unwatch()
    expectRequest(socket, true)
    endLate(answering)
  }
  if (!whole && lazy) readOnDemand(socket, read)
  else if (!whole) {
    read()
    letGo(socket)
  }
  answer()
  // As node does with a client that has ended its side: what is answered at once it has, what comes later not.
  const reads = !whole && !answering.reusable
  if (!reads && !over) unwatch = watchClient(socket, { halfOpen }, () => leaveWithClient(answering, done))
}

function tellOf(response: ServerResponse, whole: boolean, last: boolean, bytes: number): string {
  const { statusCode } = response
  return inText({ statusCode, whole, last, bytes, head: (response as Internals)._header ?? '' })
}

type Done = (whole: boolean, last: boolean) => void

/** The client has left, or has ended its side before it was answered. Listeners for that are called before the end. */
function leaveWithClient({ socket }: Answering, done: Done): void {
  done(false, true)
  const leaveSoon = () => setImmediate(() => leave(Number(process.exitCode ?? 0)))
  if (socket.closed) return void leaveSoon()
  socket.on('close', leaveSoon)
  socket.destroy()
}

/** As node does with a request that does not arrive in time. */
function endLate({ request, response, socket, spentMs }: Answering): void {
  const { requestTimeout = 0 } = (socket as { server?: Server }).server ?? {}
  if (requestTimeout === 0) return
  const timer = setTimeout(
    () => {
      if (request.complete) return
      if (response.headersSent) return void socket.destroy()
      socket.end(LATE, () => socket.destroy())
    },
    Math.max(0, requestTimeout - spentMs),
  )
  timer.unref()
}

const LATE = 'HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n'

/** The whole response is with the kernel. */
function finish({ response, socket, reusable }: Answering, done: Done): void {
  const internals = response as Internals
  const last = internals._last === true || !reusable
  response.detachSocket(socket)
  nextTick(() => {
    if (internals._closed) return
    Object.assign(response, { destroyed: true, _closed: true })
    response.emit('close')
  })
  // What the clone does from here on is no longer for the client.
  process.exitCode ??= 0
  done(true, last)
  if (last) socket.destroySoon()
  else setImmediate(() => abandon(socket))
}

calledInClones(answerInClone, beforeFirstWrite, tellOf, inText, bytesWritten, finish, abandon)
// What node answers by, which a parent whose clones answer never calls itself.
calledInClones(
  ...ofPrototypes('end', 'write', 'writeHead', '_implicitHeader', '_send', '_writeRaw', '_finish'),
)

function ofPrototypes(...names: string[]): Callable[] {
  // Not an import: see agents.ts.
  const http = createRequire(import.meta.url)('node:http') as { ServerResponse: { prototype: object } }
  const prototype = http.ServerResponse.prototype as Record<string, Callable>
  return names.map((name) => prototype[name]).filter((method) => method !== undefined)
}
