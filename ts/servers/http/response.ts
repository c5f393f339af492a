import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { leave, STATUS_OF_ERROR } from '../../in-clone/exit.js'
import { calledInClones } from '../../in-clone/precompile.js'
import { native } from '../../native.js'
import { nextTick, setImmediate, setTimeout } from '../../node-internals/clock.js'
import { dropNextRequests } from '../../node-internals/http-parsers.js'
import {
  detach,
  emitClose,
  endRequest,
  headOf,
  isLast,
  methodsOfResponses,
} from '../../node-internals/http-responses.js'
import { process } from '../../node-internals/process.js'
import { beforeFirstWrite, serverOf } from '../../node-internals/sockets.js'
import {
  abandon,
  atNext,
  bytesWritten,
  expectRequest,
  isEncrypted,
  letGo,
  readOnDemand,
  regainEnd,
  watchClient,
} from '../client-connection.js'
import { leaveRequestListeners, leaveResponseListeners, leaveSocketListeners } from '../leave-listeners.js'
import type { Line } from '../serve-client.js'
import { takeBack } from './hand-over.js'
import { keepBackUntilWhole } from './keep-back.js'
import { inText } from './response-summary.js'

/** Request that a clone answers. */
interface Answering {
  request: IncomingMessage
  response: ServerResponse
  socket: Socket
  /** Whether the whole request had arrived before the fork. */
  whole: boolean
  /** Whether the clone reads the rest of a body only on demand. */
  lazy: boolean
  /** Whether a client that has only ended its side counts as connected. */
  halfOpen: boolean
  /** Time the parent spent on reading the request's body, in milliseconds. */
  spentMs: number
  /** Whether a function passed to `offload` may wait for a body that the parent has begun to read. */
  readsOn: boolean
  /** Idle timeout of the connection in milliseconds; 0 disables it. */
  timeout: number
  /** Whether the parent can continue a connection on which the clone has only written. */
  reusable: boolean
  /** Whether the clone reads the rest of the body. */
  reading?: boolean
  line: Line
  answer: () => void
}

/** In a clone: answers a request with the parent's own request and response, on the inherited connection. */
export function answerInClone(answering: Answering): void {
  const { request, response, socket, whole, lazy, halfOpen, timeout, line, answer } = answering
  takeBack(response)
  regainEnd(socket)
  // In a server, the listening socket keeps the loop alive: a handler may wait for an unreferenced timer or its client.
  native().holdLoop(true)
  const bytesBefore = bytesWritten(socket)
  beforeFirstWrite(socket, () => line.begun(summaryOf(response, false, false, 0)))
  keepBackUntilWhole(request, response, socket)
  socket.setTimeout(timeout)
  if (!answering.reusable) response.shouldKeepAlive = false
  leaveResponseListeners(response)
  leaveSocketListeners(socket, ['close', 'error'])
  if (!answering.readsOn) leaveRequestListeners(request)
  let answered = false
  let over = false
  let unwatch = () => {}
  const done = (whole: boolean, last: boolean) => {
    if (over) return
    over = true
    unwatch()
    try {
      line.done(summaryOf(response, whole, last, bytesWritten(socket) - bytesBefore))
    } catch {
      // The parent has given this clone up, or has ended.
      return leave(STATUS_OF_ERROR)
    }
    native().holdLoop(false)
  }
  response.on('finish', () => {
    answered = true
    // A client that leaves from here on does not end the handler's work.
    unwatch()
    finish(answering, (last) => done(true, last))
  })
  // When a handler destroys the connection, the parent closes it too and does not answer in the clone's place.
  socket.on('close', () => done(answered, true))
  const read = () => {
    // Only this process reads the rest, so the parent cannot continue the connection.
    answering.reusable = false
    answering.reading = true
    response.shouldKeepAlive = false
    unwatch()
    expectRequest(socket, true)
    // The connection ends with this answer. Handling a request behind it here would be wasted work.
    dropNextRequests(socket)
    endLate(answering)
  }
  if (!whole && lazy) readOnDemand(socket, read)
  else if (!whole) {
    read()
    letGo(socket)
  }
  answer()
  // As in Node, a client that has ended its side gets a synchronous answer, but no later one.
  const reads = !whole && !answering.reusable
  if (!reads && !over) unwatch = watchClient(socket, { halfOpen }, () => leaveWithClient(answering, done))
}

function summaryOf(response: ServerResponse, whole: boolean, last: boolean, bytes: number): string {
  const { statusCode } = response
  return inText({ statusCode, whole, last, bytes, head: headOf(response) })
}

type Done = (whole: boolean, last: boolean) => void

/** Exits because the client has left, or has ended its side before the answer. Listeners for that are called first. */
function leaveWithClient({ socket }: Answering, done: Done): void {
  done(false, true)
  const leaveSoon = () => setImmediate(() => leave(Number(process.exitCode ?? 0)))
  if (socket.closed) return void leaveSoon()
  socket.on('close', leaveSoon)
  socket.destroy()
}

/** Enforces the server's `requestTimeout` in the clone, as Node does in the parent. */
function endLate({ request, response, socket, spentMs }: Answering): void {
  const { requestTimeout = 0 } = serverOf<Server>(socket) ?? {}
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

/**
Does what Node does at the end of a response, except for the next request, which belongs to the parent. Reports to the
parent that the whole response has been written to the kernel, and leaves the connection to the parent.
*/
function finish(answering: Answering, report: (last: boolean) => void): void {
  const { request, response, socket, whole, reading = false } = answering
  // A body that was left to the parent does not belong to the clone.
  endRequest(request, whole || reading)
  detach(response, socket)
  // From here on, the clone's work does not concern the client.
  process.exitCode ??= 0
  const atExit = () => report(endsConnection(answering))
  process.on('exit', atExit)
  const done = (last: boolean) => {
    process.off('exit', atExit)
    report(last)
  }
  // The `finish` listeners have run by then. They and the `close` listeners can close the connection.
  nextTick(() => {
    try {
      emitClose(response)
    } finally {
      handBack(answering, done)
    }
  })
}

/** Whether the connection ends with this response, or the handler has ended it. */
function endsConnection({ response, socket, reusable }: Answering): boolean {
  return isLast(response) || !reusable || socket.writableEnded || socket.destroyed
}

/** Ends the connection or leaves it to the parent, and reports that. */
function handBack(answering: Answering, done: (last: boolean) => void): void {
  const { socket } = answering
  if (!endsConnection(answering)) {
    done(false)
    setImmediate(() => abandon(socket))
    return
  }
  // The parent shuts the connection down on this report. This process must have sent everything by then: the end of the
  // TLS stream, without which the client considers the answer cut off, or data the handler has sent after the answer.
  const sends = (isEncrypted(socket) || socket.writableEnded) && !socket.destroyed
  if (sends) atNext(socket, 'finish', () => done(true))
  else done(true)
  socket.destroySoon()
}

calledInClones(
  answerInClone,
  summaryOf,
  inText,
  bytesWritten,
  finish,
  endsConnection,
  handBack,
  abandon,
  regainEnd,
)
calledInClones(beforeFirstWrite, headOf, isLast, endRequest, detach, emitClose)
// Node's own methods of a response. A parent whose clones answer never calls them.
calledInClones(...methodsOfResponses())
