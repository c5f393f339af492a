import { EventEmitter } from 'node:events'
import { maxHeaderSize, type Server } from 'node:http'
import { createRequire } from 'node:module'
import { Socket } from 'node:net'
import { expectFact, isObject } from './fact.js'
import { symbolNamed } from './handles.js'
import { freshResponse } from './http-responses.js'
import { serverOf } from './sockets.js'

/** Undocumented properties of a connection of an HTTP server. */
interface Internals {
  /** Parser of the connection, `null` once freed. `lib/_http_server.js`; Node 20 to 26. */
  parser?: Parser | null
  /** Response assigned to the connection. `lib/_http_server.js`; Node 20 to 26. */
  _httpMessage?: unknown
}

interface Parser {
  /**
  Connection of the parser. The server iterates over its parsers to find late requests and connections to close, and
  gets the connections from this property.

  `lib/_http_server.js`; Node 20 to 26.
  */
  socket: unknown
  /**
  Called with each request once its head is parsed. Returns how the parser treats the body; `0` means nothing special.

  `lib/_http_common.js` (`parserOnHeadersComplete`); Node 20 to 26.
  */
  onIncoming: (request: { upgrade: boolean }) => number
  /**
  Twice the maximum number of header fields kept per message; 0 means no limit.

  `lib/_http_common.js` (`parserOnHeadersComplete`); Node 20 to 26.
  */
  maxHeaderPairs: number
}

function internalsOf(socket: Socket): Internals {
  return socket as unknown as Internals
}

/** Returns whether an HTTP server still parses a connection. It frees the parser before `upgrade` and `connect`. */
export function hasParser(socket: Socket): boolean {
  return Boolean(internalsOf(socket).parser)
}

/** Makes the server find `connection` where it would find `socket`. They can be the same. */
export function setFoundConnection(socket: Socket, connection: unknown): void {
  const { parser } = internalsOf(socket)
  if (parser) parser.socket = connection
}

/** Hides from the server any requests that arrive on a connection after the one being parsed. */
export function dropNextRequests(socket: Socket): void {
  const { parser } = internalsOf(socket)
  if (!parser) return
  parser.onIncoming = (request) => {
    // Otherwise Node would emit `upgrade` or `connect`, or destroy the connection.
    request.upgrade = false
    return 0
  }
}

/** Returns the response assigned to a connection. The server closes only connections without one. */
export function responseOn(socket: Socket): unknown {
  return internalsOf(socket)._httpMessage
}

/** Name of the property that {@link responseOn} reads, for objects that replace a socket. */
export const RESPONSE_ON_SOCKET = '_httpMessage'

/**
Returns whether an HTTP server continues with a client that has ended its side; `undefined` for other servers.

`lib/_http_server.js`; Node 20 to 26.
*/
export function allowsHalfOpen(server: object | null | undefined): boolean | undefined {
  return (server as { httpAllowHalfOpen?: boolean } | null | undefined)?.httpAllowHalfOpen
}

/** Name of the `listening` listener that makes an HTTP server's list of connections. */
const TRACKING = 'setupConnectionsTracking'
/** Symbol of that list. */
const CONNECTIONS = 'http.server.connections'

interface ConnectionsList {
  /** Parsers that are in the middle of a message, or have not received a byte yet. `src/node_http_parser.cc` */
  active(): unknown[]
}

function connectionsOf(server: Server): ConnectionsList | undefined {
  const symbol = symbolNamed(server, CONNECTIONS)
  return symbol && (server as unknown as Record<symbol, ConnectionsList | undefined>)[symbol]
}

/** Header fields that a server accepts by default (`server.maxHeadersCount`). */
const MOST_FIELDS = 1000

/**
Calls `act`, and raises the limits for request heads by `bytes` and `fields` on connections that the server accepts
during the call.

`lib/_http_server.js` (`connectionListenerInternal`); Node 20 to 26. Where the properties are not read, the limits stay.
*/
export function withLongerHeads(
  server: Server,
  { bytes, fields }: { bytes: number; fields: number },
  act: () => void,
): void {
  const limited = server as Server & { maxHeaderSize?: number | undefined }
  const { maxHeaderSize: givenBytes, maxHeadersCount: givenFields } = limited
  limited.maxHeaderSize = (givenBytes || maxHeaderSize) + bytes
  const most = typeof givenFields === 'number' ? givenFields : MOST_FIELDS
  // Otherwise there is no limit.
  if (most > 0) limited.maxHeadersCount = most + fields
  try {
    act()
  } finally {
    limited.maxHeaderSize = givenBytes
    limited.maxHeadersCount = givenFields
  }
}

/**
Returns the maximum number of header fields kept of a request on a connection. A request with that many may have had
more. Returns undefined if the connection no longer has a parser.
*/
export function mostFieldsOf(socket: Socket): number | undefined {
  const { parser } = internalsOf(socket)
  if (!parser) return
  return parser.maxHeaderPairs > 0 ? Math.floor(parser.maxHeaderPairs / 2) : Infinity
}

/**
In a clone: gives a server its own list of connections, and restarts the check for late requests on them.

`lib/_http_server.js`; Node 20 to 26.
*/
export function trackAfresh(server: Server): void {
  const symbol = symbolNamed(server, CONNECTIONS)
  if (symbol) Reflect.set(server, symbol, undefined)
  const track = server.listeners('listening').find(({ name }) => name === TRACKING)
  track?.call(server)
}

/**
Returns whether the parser of a connection has not begun a message: it has received only whole requests.

`src/node_http_parser.cc`; Node 20 to 26.
*/
export function isBetweenRequests(socket: Socket, server: Server): boolean {
  const { parser } = internalsOf(socket)
  if (!parser) return false
  return socket.bytesRead === 0 || connectionsOf(server)?.active().includes(parser) === false
}

/** Name of Node's own listener of an HTTPS server for decrypted connections. */
const OWN_LISTENER = 'connectionListener'

/**
Makes an HTTPS server handle the requests of a decrypted connection. Other listeners of `secureConnection` expect a TLS
socket.

`lib/https.js`; Node 20 to 26.
*/
export function serveDecrypted(server: Server, socket: Socket): void {
  const listener = server.listeners('secureConnection').find(({ name }) => name === OWN_LISTENER)
  listener?.call(server, socket)
}

/** Calls `look` with a connection as an HTTP server has it, which is not open and which no other code sees. */
export function withFreshConnection(look: (socket: Socket, server: Server) => void): void {
  const { createServer } = createRequire(import.meta.url)('node:http') as { createServer: () => Server }
  const server = createServer()
  const socket = new Socket()
  // Not `server.emit`, which tracing agents patch.
  EventEmitter.prototype.emit.call(server, 'connection', socket)
  try {
    look(socket, server)
  } finally {
    socket.destroy()
  }
}

export function verifyParsers(): void {
  const file = 'lib/_http_server.js'
  withFreshConnection((socket, server) => {
    expectFact('server.httpAllowHalfOpen', file, () => typeof allowsHalfOpen(server) === 'boolean')
    expectFact('socket.server', file, () => serverOf(socket) === server)
    expectFact('socket.parser', file, () => isObject(internalsOf(socket).parser))
    expectFact('parser.socket', file, () => internalsOf(socket).parser?.socket === socket)
    expectFact('parser.onIncoming', file, () => typeof internalsOf(socket).parser?.onIncoming === 'function')
  })
  const fresh = freshResponse()
  fresh.response.assignSocket(fresh.socket)
  expectFact('socket._httpMessage', file, () => responseOn(fresh.socket) === fresh.response)
  fresh.socket.destroy()
}

export function verifyConnectionsList(): void {
  const { createServer } = createRequire(import.meta.url)('node:http') as { createServer: () => Server }
  const server = createServer()
  trackAfresh(server)
  const socket = new Socket()
  EventEmitter.prototype.emit.call(server, 'connection', socket)
  try {
    const { parser } = internalsOf(socket)
    expectFact(
      CONNECTIONS,
      'lib/_http_server.js',
      () => connectionsOf(server)?.active().includes(parser) === true,
    )
    expectFact('parser.maxHeaderPairs', 'lib/_http_common.js', () => mostFieldsOf(socket) === MOST_FIELDS)
  } finally {
    // Stops the check for late requests.
    server.close()
    socket.destroy()
  }
}
