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
  /** Response that has the connection. `lib/_http_server.js`; Node 20 to 26. */
  _httpMessage?: unknown
}

interface Parser {
  /**
  Connection of the parser. The server iterates over its parsers to find late requests and connections to close, and
  gets those from this property.

  `lib/_http_server.js`; Node 20 to 26.
  */
  socket: unknown
}

function internalsOf(socket: Socket): Internals {
  return socket as unknown as Internals
}

/** Makes the server find `connection` where it would find `socket`. They can be the same. */
export function setFoundConnection(socket: Socket, connection: unknown): void {
  const { parser } = internalsOf(socket)
  if (parser) parser.socket = connection
}

/** Returns the response that has a connection. The server closes only connections that have none. */
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

/** Name of the listener of `listening` by which an HTTP server makes its list of connections. */
const TRACKING = 'setupConnectionsTracking'
/** Symbol of that list. */
const CONNECTIONS = 'http.server.connections'

interface ConnectionsList {
  /** Parsers in the middle of a message, or that have not got the first byte yet. `src/node_http_parser.cc` */
  active(): unknown[]
}

function connectionsOf(server: Server): ConnectionsList | undefined {
  const symbol = symbolNamed(server, CONNECTIONS)
  return symbol && (server as unknown as Record<symbol, ConnectionsList | undefined>)[symbol]
}

/**
Calls `act`, and has the connections that the server takes meanwhile accept heads of requests longer by `bytes`.

`lib/_http_server.js` (`connectionListenerInternal`); Node 20 to 26. Where the property is not read, the limit stays.
*/
export function withLongerHeads(server: Server, bytes: number, act: () => void): void {
  const limited = server as Server & { maxHeaderSize?: number | undefined }
  const given = limited.maxHeaderSize
  limited.maxHeaderSize = (given || maxHeaderSize) + bytes
  try {
    act()
  } finally {
    limited.maxHeaderSize = given
  }
}

/**
In a clone: gives a server a list of connections of its own, and looks for late requests on them again.

`lib/_http_server.js`; Node 20 to 26.
*/
export function trackAfresh(server: Server): void {
  const symbol = symbolNamed(server, CONNECTIONS)
  if (symbol) Reflect.set(server, symbol, undefined)
  const track = server.listeners('listening').find(({ name }) => name === TRACKING)
  track?.call(server)
}

/**
Whether the parser of a connection has not begun a message: everything it got was whole requests.

`src/node_http_parser.cc`; Node 20 to 26.
*/
export function isBetweenRequests(socket: Socket, server: Server): boolean {
  const { parser } = internalsOf(socket)
  if (!parser) return false
  return socket.bytesRead === 0 || connectionsOf(server)?.active().includes(parser) === false
}

/** Name of Node's own listener of an HTTPS server for connections that are decrypted. */
const OWN_LISTENER = 'connectionListener'

/**
Has an HTTPS server handle the requests of a connection that is decrypted. Other listeners of `secureConnection` expect
a TLS socket.

`lib/https.js`; Node 20 to 26.
*/
export function serveDecrypted(server: Server, socket: Socket): void {
  const listener = server.listeners('secureConnection').find(({ name }) => name === OWN_LISTENER)
  listener?.call(server, socket)
}

export function verifyParsers(): void {
  const file = 'lib/_http_server.js'
  const { createServer } = createRequire(import.meta.url)('node:http') as { createServer: () => Server }
  const server = createServer()
  const socket = new Socket()
  // Not `server.emit`, which tracing agents patch.
  EventEmitter.prototype.emit.call(server, 'connection', socket)
  try {
    expectFact('server.httpAllowHalfOpen', file, () => typeof allowsHalfOpen(server) === 'boolean')
    expectFact('socket.server', file, () => serverOf(socket) === server)
    expectFact('socket.parser', file, () => isObject(internalsOf(socket).parser))
    expectFact('parser.socket', file, () => internalsOf(socket).parser?.socket === socket)
  } finally {
    socket.destroy()
  }
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
  } finally {
    // Ends the look for late requests.
    server.close()
    socket.destroy()
  }
}
