import type { IncomingMessage, OutgoingMessage, ServerResponse } from 'node:http'
import { createRequire } from 'node:module'
import { Socket } from 'node:net'
import type { Callable } from '../types/callable.js'
import { define } from './define.js'
import { expectFact } from './fact.js'
import { symbolNamed } from './handles.js'

/** Undocumented members of an HTTP/1 response. */
interface Internals {
  /** Status line and headers, once written. `lib/_http_outgoing.js`; Node 20 to 26. */
  _header: string | null
  /** Whether the connection ends with this response. `lib/_http_outgoing.js`; Node 20 to 26. */
  _last: boolean
  /** Whether `close` has been emitted. `lib/_http_outgoing.js`; Node 20 to 26. */
  _closed: boolean
  /** Whether `end` has been called. Documented, and deprecated. `lib/_http_outgoing.js`; Node 20 to 26. */
  finished: boolean
  /** Gives the response its connection, once earlier responses are over. `lib/_http_server.js`; Node 20 to 26. */
  assignSocket(socket: Socket): void
  /** Takes the connection from the response. `lib/_http_server.js`; Node 20 to 26. */
  detachSocket(socket: Socket): void
}

function internalsOf(response: ServerResponse): Internals {
  return response as unknown as Internals
}

/** Returns the status line and headers of a response; empty until they are written (`100 Continue` does not count). */
export function headOf(response: ServerResponse): string {
  return internalsOf(response)._header ?? ''
}

/** Returns whether the connection ends with this response. */
export function isLast(response: ServerResponse): boolean {
  return internalsOf(response)._last
}

/** Marks a response as sent in full by another process, without ending its connection. */
export function markSent(response: ServerResponse, { statusCode, head }: SentHead): void {
  Object.assign(response, { statusCode, _header: head, _last: false, finished: true })
}

export interface SentHead {
  readonly statusCode: number
  readonly head: string
}

/** Emits `close`, as Node does at the end of a response, unless it has been emitted. */
export function emitClose(response: ServerResponse): void {
  if (internalsOf(response)._closed) return
  Object.assign(response, { destroyed: true, _closed: true })
  response.emit('close')
}

/**
Calls `act` right before a response is given its connection.

@returns a function that undoes this.
*/
export function beforeAssigned(response: ServerResponse, act: () => void): () => void {
  const { assignSocket } = internalsOf(response)
  response.assignSocket = (socket) => {
    act()
    Reflect.apply(assignSocket, response, [socket])
  }
  return () => void Reflect.deleteProperty(response, 'assignSocket')
}

/** Detaches the connection from a response that is over. */
export function detach(response: ServerResponse, socket: Socket): void {
  internalsOf(response).detachSocket(socket)
}

/** Undocumented members of a message that is written. */
interface OutgoingInternals {
  /** Trailer fields, one a line, which end the chunks of the body. `lib/_http_outgoing.js`; Node 20 to 26. */
  _trailer: string
  /** Writes to the connection, or once earlier responses are over. `lib/_http_outgoing.js`; Node 20 to 26. */
  _writeRaw(data: string, encoding: 'latin1'): boolean
}

function internalsOfOutgoing(message: OutgoingMessage): OutgoingInternals {
  return message as unknown as OutgoingInternals
}

/** Sets trailers in the form of `rawTrailers`. Unlike `addTrailers`, does not throw on what a lenient parser accepts. */
export function setTrailers(message: OutgoingMessage, rawTrailers: readonly string[]): void {
  internalsOfOutgoing(message)._trailer = linesOf(rawTrailers)
}

/** Informational response (RFC 9110, section 15.2), as the parser returns it. */
export interface Information {
  readonly statusCode: number
  readonly statusMessage: string
  readonly rawHeaders: readonly string[]
}

/** Writes an informational response with any status, message and fields: Node's own functions write a few, and check them. */
export function writeInformation(response: ServerResponse, information: Information): void {
  const { statusCode, statusMessage, rawHeaders } = information
  const head = `HTTP/1.1 ${statusCode} ${statusMessage}\r\n${linesOf(rawHeaders)}\r\n`
  internalsOfOutgoing(response)._writeRaw(head, 'latin1')
}

/** Returns fields, in the form of `rawHeaders`, as HTTP writes them. A parser's fields contain no line ends. */
function linesOf(fields: readonly string[]): string {
  let lines = ''
  for (let i = 0; i + 1 < fields.length; i += 2) lines += `${fields[i]}: ${fields[i + 1]}\r\n`
  return lines
}

/** Undocumented members of a request. */
interface RequestInternals {
  /** Whether reading of the body has begun. `lib/_http_incoming.js`; Node 20 to 26. */
  _consuming: boolean
  /** Reads the body to its end and drops it. `lib/_http_incoming.js`; Node 20 to 26. */
  _dump(): void
}

function internalsOfRequest(request: IncomingMessage): RequestInternals {
  return request as unknown as RequestInternals
}

/** Symbol of the method that lets `request.signal` outlive the connection. Since Node 24. */
const DETACH_SIGNAL = 'kDetachAbortSignal'

/**
Handles a request as Node does at the end of its response: the end of the connection no longer aborts the request, and a
body that nobody reads is dropped, so that the request ends. Leaves the next request alone.

`lib/_http_server.js` (`resOnFinish`); Node 20 to 26.

@param dumps whether a body that nobody reads is dropped.
*/
export function endRequest(request: IncomingMessage, dumps: boolean): void {
  outliveConnection(request)
  const internals = internalsOfRequest(request)
  // A flowing body ends by itself. Node checks a different state, which means the same here.
  if (dumps && !internals._consuming && !request.readableFlowing) internals._dump()
}

/**
Keeps the end of the connection from aborting a request. Node removes an answered request from a list that only Node's
own functions can access, and destroys the requests on that list with this error (`abortIncoming`).
*/
function outliveConnection(request: IncomingMessage): void {
  const detachSignal = symbolNamed(http.IncomingMessage.prototype, DETACH_SIGNAL)
  if (detachSignal) Reflect.apply(Reflect.get(request, detachSignal) as () => void, request, [])
  const { destroy } = request
  define(request, 'destroy', {
    value: (error?: NodeJS.ErrnoException) =>
      error?.code === 'ECONNRESET' && error.message === 'aborted'
        ? request
        : Reflect.apply(destroy, request, [error]),
    configurable: true,
    writable: true,
  })
}

// Not an import: see http-agents.ts.
const http = createRequire(import.meta.url)('node:http') as typeof import('node:http')

/** Returns the methods that Node answers with. A name that no longer exists only costs a clone a millisecond. */
export function methodsOfResponses(): Callable[] {
  const prototype = http.ServerResponse.prototype as unknown as Record<string, Callable | undefined>
  return ['end', 'write', 'writeHead', '_implicitHeader', '_send', '_writeRaw', '_finish']
    .map((name) => prototype[name])
    .filter((method) => method !== undefined)
}

/**
Makes a response without a client, on a connection that is not open.

Does not call the constructor of `ServerResponse`, which tells the diagnostics channel `http.server.response.created`
since Node 22: subscribers would hear of a request that no client sent.
*/
export function freshResponse(): { request: IncomingMessage; response: ServerResponse; socket: Socket } {
  const socket = new Socket()
  const request: IncomingMessage = new http.IncomingMessage(socket)
  const response = new http.OutgoingMessage()
  Object.setPrototypeOf(response, http.ServerResponse.prototype)
  return { request, response: Object.assign(response, { req: request }) as ServerResponse, socket }
}

export function verifyResponses(): void {
  const { request, response } = freshResponse()
  const internals = internalsOf(response)
  const outgoing = 'lib/_http_outgoing.js'
  expectFact('response._header', outgoing, () => internals._header === null)
  expectFact('response._last', outgoing, () => internals._last === false)
  expectFact('response._closed', outgoing, () => internals._closed === false)
  expectFact('response.finished', outgoing, () => internals.finished === false)
  for (const name of ['assignSocket', 'detachSocket'] as const) {
    expectFact(`response.${name}`, 'lib/_http_server.js', () => typeof internals[name] === 'function')
  }
  const { _consuming, _dump } = internalsOfRequest(request)
  const incoming = 'lib/_http_incoming.js'
  expectFact('request._consuming', incoming, () => _consuming === false)
  expectFact('request._dump', incoming, () => typeof _dump === 'function')
}

/** Verifies the internals that pass on a message as it is. */
export function verifyPassingOn(): void {
  const { _trailer, _writeRaw } = internalsOfOutgoing(freshResponse().response)
  const file = 'lib/_http_outgoing.js'
  expectFact('response._trailer', file, () => _trailer === '')
  expectFact('response._writeRaw', file, () => typeof _writeRaw === 'function')
}
