import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { leave, STATUS_OF_ERROR } from '../../in-clone/exit.js'
import { calledInClones } from '../../in-clone/precompile.js'
import { native } from '../../native.js'
import { nextTick, setImmediate, setTimeout } from '../../node-internals/clock.js'
import { detach, emitClose, headOf, isLast, methodsOfResponses } from '../../node-internals/http-responses.js'
import { process } from '../../node-internals/process.js'
import { beforeFirstWrite, serverOf } from '../../node-internals/sockets.js'
import {
  abandon,
  bytesWritten,
  expectRequest,
  letGo,
  readOnDemand,
  watchClient,
} from '../client-connection.js'
import type { Line } from '../serve-client.js'
import { takeBack } from './hand-over.js'
import { keepBackUntilWhole } from './keep-back.js'
import { inText } from './response-summary.js'

/** Request that a clone answers. */
interface Answering {
  request: IncomingMessage
  response: ServerResponse
  socket: Socket
  /** Whether the whole request had arrived at the fork. */
  whole: boolean
  /** Whether the clone reads the rest of a body only on demand. */
  lazy: boolean
  /** Whether a client that has only ended its side counts as still there. */
  halfOpen: boolean
  /** Time the parent spent on reading the request's body, in milliseconds. */
  spentMs: number
  /** Idle timeout of the connection in milliseconds; 0 disables it. */
  timeout: number
  /** Whether the parent can continue a connection on which the clone has only written. */
  reusable: boolean
  line: Line
  answer: () => void
}

/** In a clone: answers a request with the parent's own request and response, on the inherited connection. */
export function answerInClone(answering: Answering): void {
  const { request, response, socket, whole, lazy, halfOpen, timeout, line, answer } = answering
  takeBack(response)
  // In a server, the listening socket keeps the loop alive: a handler may wait for an unreferenced timer or its client.
  native().holdLoop(true)
  const bytesBefore = bytesWritten(socket)
  beforeFirstWrite(socket, () => line.begun(summaryOf(response, false, false, 0)))
  keepBackUntilWhole(request, response, socket)
  socket.setTimeout(timeout)
  if (!answering.reusable) response.shouldKeepAlive = false
  // The parent's listeners are called in the parent. Node's own would begin the next request, which is the parent's.
  for (const event of ['finish', 'close']) response.removeAllListeners(event)
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
  response.on('finish', () => finish(answering, done))
  // When a handler destroys the connection, the parent closes it too and does not answer in the clone's place.
  socket.on('close', () => done(false, true))
  const read = () => {
    // Only this process reads the rest, so the parent cannot continue the connection.
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
  // As in Node, a client that has ended its side gets a synchronous answer, and none that comes later.
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

/** Reports to the parent that the whole response has been written to the kernel, and leaves the connection to it. */
function finish({ response, socket, reusable }: Answering, done: Done): void {
  const last = isLast(response) || !reusable
  detach(response, socket)
  nextTick(() => emitClose(response))
  // What the clone does from here on does not concern the client.
  process.exitCode ??= 0
  done(true, last)
  if (last) socket.destroySoon()
  else setImmediate(() => abandon(socket))
}

calledInClones(answerInClone, summaryOf, inText, bytesWritten, finish, abandon)
calledInClones(beforeFirstWrite, headOf, isLast, detach, emitClose)
// Node's own methods for an answer, which a parent whose clones answer never calls.
calledInClones(...methodsOfResponses())
