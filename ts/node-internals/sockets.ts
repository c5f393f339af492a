import { createServer, type Server, Socket } from 'node:net'
import type { Callable } from '../types/callable.js'
import { verifyClosing } from './closed-sockets.js'
import { define } from './define.js'
import { expectFact } from './fact.js'
import { handleOf } from './handles.js'
import { askAgain } from './streams.js'

/** Method of `Socket.prototype` that this library replaces or calls. */
type Method = (this: Socket, first?: unknown, second?: unknown, third?: unknown) => unknown

const prototype = Socket.prototype as unknown as Record<string, Method>

/**
Methods behind `address()`, `remotePort` and so on. In a clone they add the parts that an inherited handle no longer
knows.

`lib/net.js`; Node 20 to 26.
*/
export const OWN_ADDRESS = '_getsockname'
export const PEER_ADDRESS = '_getpeername'

/**
Returns the server that accepted a socket, `null` for a client's. Shows who sends requests on a connection, and which
server's limits apply.

`lib/net.js`, `lib/_http_server.js`; Node 20 to 26.
*/
export function serverOf<S extends object>(socket: Socket): S | null | undefined {
  return (socket as { server?: S | null }).server
}

/**
Returns the socket below a TLS socket; `null` for other sockets. The TLS socket destroys it when it is closed.

`lib/net.js`, `lib/_tls_wrap.js`; Node 20 to 26.
*/
export function socketBelow(socket: Socket): Socket | null {
  return (socket as unknown as { _parent: Socket | null })._parent
}

/** Undocumented properties of a server. */
interface Acceptor {
  /** Number of open connections. `lib/net.js`; Node 20 to 26. */
  _connections: number
  /** Option of its sockets. `lib/net.js`; Node 20 to 26. */
  readonly allowHalfOpen: boolean
}

function acceptorOf(server: Server): Acceptor {
  return server as unknown as Acceptor
}

/**
Makes a socket one of a server's connections, as if the server had accepted it: the server counts it until it is closed,
and its limits apply.

`lib/net.js` (`onconnection`); Node 20 to 26.
*/
export function enlist(socket: Socket, server: Server): void {
  Object.assign(socket, { server, _server: server })
  acceptorOf(server)._connections++
}

/**
Opens a socket on the descriptor `fd`, as `server` would for a connection that it has accepted. The server counts the
socket once it is enlisted.

`lib/net.js` (`onconnection`); Node 20 to 26.
*/
export function openAccepted(fd: number, server: Server): Socket {
  return new Socket({ fd, allowHalfOpen: acceptorOf(server).allowHalfOpen })
}

/** Stops the handle from reading, and Node from starting it again. The stream can still call `_read`. */
export function holdReading(socket: Socket): void {
  const handle = handleOf(socket)
  if (!handle) return
  handle.reading = false
  handle.readStop()
  // A `resume` scheduled earlier is emitted despite a pause, and Node's HTTP server then starts reading.
  define(handle, 'readStart', { value: () => 0, configurable: true })
}

/**
Undoes {@link holdReading}. The handle reads at the stream's next `_read`, which comes when the stream is resumed. This
is needed since Node's HTTP server no longer starts the handle by itself once somebody has listened for `data`.

`lib/_http_server.js` (`unconsume`); Node 20 to 26.
*/
export function releaseReading(socket: Socket): void {
  const handle = handleOf(socket)
  if (!handle) return
  Reflect.deleteProperty(handle, 'readStart')
  handle.reading = false
  askAgain(socket)
}

/**
Stops the handle from reading, and the stream from starting it again with `_read`, which the stream can call at any
time, such as a tick after it has received something.

`lib/internal/streams/readable.js`; Node 20 to 26.
*/
export function stopReading(socket: Socket): void {
  const handle = handleOf(socket)
  if (!handle) return
  handle.reading = false
  handle.readStop()
  define(socket, '_read', { value: () => {}, configurable: true })
}

/** Undoes {@link stopReading}, and starts reading. */
export function startReading(socket: Socket): void {
  const handle = handleOf(socket)
  if (!handle) return
  Reflect.deleteProperty(socket, '_read')
  handle.reading = true
  handle.readStart()
}

/** Functions that the patched methods of `Socket.prototype` call. `queued` is the number of bytes queued before. */
export interface SocketHooks {
  /** Called at each `write`, whose bytes may be queued and never reach the handle. */
  beforeWrite(socket: Socket, queued: number): void
  /**
  Called before bytes go to the handle, with the chunks that were written, or `{ chunk, encoding }` for each. Returns
  whether they are dropped.
  */
  beforeSend(socket: Socket, queued: number, chunks: readonly unknown[]): boolean
  /** Called before a socket is destroyed. Returns whether the socket stays as it is. */
  beforeDestroy(socket: Socket, queued: number): boolean
}

/**
Patches `write`, `_write`, `_writev` and `_destroy` of every socket. Node's streams call the last three to send bytes
and to destroy a socket.

`lib/net.js`; Node 20 to 26.
*/
export function interceptSockets(hooks: SocketHooks): void {
  const { _write, _writev, _destroy } = prototype as Record<'_write' | '_writev' | '_destroy', Method>
  const inherited = Object.getPrototypeOf(prototype) as { write: Method }
  nodesOwn.push(...[_write, _writev, _destroy, inherited.write].filter((method) => method !== undefined))
  Object.assign(prototype, {
    write(this: Socket, chunk: unknown, encoding: unknown, callback: unknown) {
      hooks.beforeWrite(this, this.writableLength)
      return inherited.write.call(this, chunk, encoding, callback)
    },
    _write(this: Socket, chunk: { length: number }, encoding: unknown, callback: unknown) {
      if (hooks.beforeSend(this, this.writableLength - chunk.length, [chunk])) return
      _write.call(this, chunk, encoding, callback)
    },
    _writev(this: Socket, chunks: unknown[], callback: unknown) {
      if (hooks.beforeSend(this, 0, chunks)) return
      _writev.call(this, chunks, callback)
    },
    _destroy(this: Socket, error: unknown, callback: unknown) {
      if (hooks.beforeDestroy(this, this.writableLength)) return
      _destroy.call(this, error, callback)
    },
  })
}

const nodesOwn: Callable[] = []

/** Returns the methods that every write to a socket and its destruction call. */
export function methodsOfSockets(): Callable[] {
  const names = ['write', '_write', '_writev', '_destroy']
  return [...nodesOwn, ...names.map((name) => prototype[name]).filter((method) => method !== undefined)]
}

/**
Calls `act` once, right before anything is written to `socket`. `_write` and `_writev` of sockets call `_writeGeneric`,
which TLS also calls directly.

`lib/net.js`, `lib/_tls_wrap.js`; Node 20 to 26.
*/
export function beforeFirstWrite(socket: Socket, act: () => void): void {
  const shims: Record<string, unknown> = {}
  for (const method of ['_write', '_writev', '_writeGeneric'] as const) {
    shims[method] = (...args: unknown[]) => {
      // Uncovers the methods of the class.
      for (const name of Object.keys(shims)) Reflect.deleteProperty(socket, name)
      act()
      return Reflect.apply(Reflect.get(socket, method) as () => unknown, socket, args)
    }
  }
  Object.assign(socket, shims)
}

/**
Calls `act` once, right before a socket closes its handle.

`lib/net.js`; Node 20 to 26.
*/
export function beforeDestroy(socket: Socket, act: () => void): void {
  const own = socket as unknown as Record<'_destroy', Method>
  define(socket, '_destroy', {
    value(error: unknown, callback: unknown) {
      Reflect.deleteProperty(own, '_destroy')
      act()
      own._destroy.call(socket, error, callback)
    },
    configurable: true,
  })
}

const METHODS = [
  OWN_ADDRESS,
  PEER_ADDRESS,
  '_read',
  '_write',
  '_writev',
  '_writeGeneric',
  '_destroy',
] as const

/** @param socket New socket of a client. */
export function verifySocket(socket: Socket): void {
  expectFact('socket.server', 'lib/net.js', () => serverOf(socket) === null)
  expectFact('socket._parent', 'lib/net.js', () => socketBelow(socket) === null)
  // Accepts either value: others wrap `createServer` with their own defaults.
  const isFlag = () => typeof Reflect.get(createServer(), 'allowHalfOpen') === 'boolean'
  expectFact('server.allowHalfOpen', 'lib/net.js', isFlag)
  for (const name of METHODS) {
    expectFact(`Socket.prototype.${name}`, 'lib/net.js', () => typeof prototype[name] === 'function')
  }
}

/** Verifies the internals that make a socket one of a server's. */
export function verifyAccepted(): void {
  const server = acceptorOf(createServer())
  verifyClosing()
  expectFact('net.Server._connections', 'lib/net.js', () => server._connections === 0)
  expectFact('net.Server.allowHalfOpen', 'lib/net.js', () => typeof server.allowHalfOpen === 'boolean')
}
