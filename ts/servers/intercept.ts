import type { Server as HttpServer } from 'node:http'
import type { Server, Socket } from 'node:net'
import { isMainThread } from 'node:worker_threads'
import { reportError } from '../in-clone/exit.js'
import { native } from '../native.js'
import { define } from '../node-internals/define.js'
import { verifyHttpInternals } from '../node-internals/verify.js'
import { handlers } from '../observe/handlers.js'
import { isInline } from '../options/settings.js'
import {
  type Expectations,
  expectBoolean,
  expectEach,
  expectFunction,
  expectNoPromise,
  shown,
} from '../options/validate.js'
import { expectInternals } from '../parent/readiness.js'
import { QcloneError } from '../types/errors.js'
import { onClose } from './client-connection.js'

/**
Function in front of the listeners of a server's event.

@param next calls the next taker, and finally the server's own listeners. It can be called later, or never.
@returns the value for `emit` to return: whether the event had listeners.
*/
export type Taker = (next: (...args: unknown[]) => boolean, ...args: unknown[]) => boolean

/** Purpose of a shim. */
export type Service = 'queries' | 'readers' | 'requests' | 'sessions' | 'tracking'

/** Function that installs each shim, for error messages. */
const CALL_FOR: Record<Service, string> = {
  queries: 'cloneQueries',
  readers: 'cloneReaders',
  requests: 'cloneRequests',
  sessions: 'cloneSessions',
  tracking: 'trackRequests',
}

/** Services that a service excludes on one server, besides itself. */
const EXCLUDED_BY: Record<Service, readonly Service[]> = {
  queries: ['readers', 'sessions'],
  readers: ['queries', 'requests', 'sessions'],
  requests: ['readers'],
  sessions: ['queries', 'readers'],
  tracking: [],
}

interface Shimmed {
  readonly services: Set<Service>
  /** Takers by event, newest last. */
  readonly takers: Map<string, Taker[]>
  /** Gives the server back. */
  readonly restore: () => void
}

/**
Function that gives a server back: removes the shims of one call. A second call only applies `close`.

@throws {TypeError} if an option is unknown or invalid.
*/
export type Undo = (options?: UndoOptions) => void

/** Options of {@link unload} and of every {@link Undo}. */
export interface UndoOptions {
  /**
  Whether to close the connections of sessions and queries too, which ends the clones that serve them.

  @default false
  */
  readonly close?: boolean
}

const EXPECT_OF_UNDO: Expectations<UndoOptions> = { close: expectBoolean }

const shimmed = new WeakMap<Server, Shimmed>()

/** Undo functions of all shims in place. */
const undos = new Set<Undo>()

/**
Puts takers in front of a server's listeners, including those added later.

@param connections connections of the service, for `undo({ close: true })`: the server itself cannot close them.
@param undone called when the undo function is first called.
@returns an undo function. The server is given back once none of its services is left.
@throws {TypeError} if the server has that service already, or one that excludes it.
*/
export function shimServer(
  server: Server,
  service: Service,
  takers: Record<string, Taker>,
  connections: ReadonlySet<Socket> = new Set(),
  undone: () => void = () => {},
): Undo {
  const present = shimmed.get(server)?.services ?? new Set()
  const inTheWay = [...present].find((other) => other === service || EXCLUDED_BY[service].includes(other))
  if (inTheWay) {
    throw new TypeError(
      inTheWay === service
        ? `Expected \`server\` to be passed to \`${CALL_FOR[service]}\` once: call the undo function that the first call returned`
        : `Expected \`server\` not to be passed to \`${CALL_FOR[inTheWay]}\` too: a server can have only one kind of clone`,
    )
  }
  const shim = shimmed.get(server) ?? shimEmit(server)
  shim.services.add(service)
  for (const [event, taker] of Object.entries(takers)) {
    shim.takers.set(event, [...(shim.takers.get(event) ?? []), taker])
  }
  const undo: Undo = (options = {}) => {
    expectEach(options, EXPECT_OF_UNDO)
    if (options.close) for (const socket of connections) socket.destroy()
    if (!undos.delete(undo)) return
    shim.services.delete(service)
    for (const [event, taker] of Object.entries(takers)) {
      shim.takers.set(event, shim.takers.get(event)?.filter((other) => other !== taker) ?? [])
    }
    if (shim.services.size === 0) shim.restore()
    undone()
  }
  undos.add(undo)
  return undo
}

/**
Calls every undo function, which gives all servers back, and then `handlers.unload`. Clones that are serving carry on,
unless `close` is set.

@throws {TypeError} if an option is unknown or invalid.

@example
```js
import { createServer } from 'node:http'
import { cloneRequests, unload } from 'node-qclone'

const server = createServer((request, response) => response.end('hello'))
cloneRequests(server)
unload() // the parent handles all requests again
```
*/
export function unload(options: UndoOptions = {}): void {
  expectEach(options, EXPECT_OF_UNDO)
  for (const undo of [...undos]) undo(options)
  handlers.unload.call()
}

/**
Whether `filter` chooses a client. If `filter` throws or returns a promise, prints the error and returns undefined:
client input must not end the parent.
*/
export function choose<T>(filter: (client: T) => boolean, client: T): boolean | undefined {
  try {
    const chosen: unknown = filter(client)
    expectNoPromise(chosen, 'filter')
    return Boolean(chosen)
  } catch (error) {
    reportError(error)
    return undefined
  }
}

/** Keeps a connection in a set while it is open. */
export function keepWhileOpen(socket: Socket, connections: Set<Socket>): void {
  connections.add(socket)
  onClose(socket, () => connections.delete(socket))
}

function shimEmit(server: Server): Shimmed {
  const own = Object.getOwnPropertyDescriptor(server, 'emit')
  const before = server.emit
  const takers = new Map<string, Taker[]>()
  const emit = function (this: Server, event: string, ...args: unknown[]): boolean {
    const chain = takers.get(event)
    const listeners = (...passed: unknown[]) => Reflect.apply(before, this, [event, ...passed]) as boolean
    return chain ? callFrom(chain, listeners, args) : listeners(...args)
  }
  const restore = () => {
    shimmed.delete(server)
    // Somebody may have replaced `emit` again. Ours then only passes events on.
    if (server.emit !== (emit as Server['emit'])) return
    if (own) define(server, 'emit', own)
    else delete (server as Partial<Server>).emit
  }
  define(server, 'emit', {
    value: emit,
    configurable: true,
    writable: true,
    enumerable: false,
  })
  const shim = { services: new Set<Service>(), takers, restore }
  shimmed.set(server, shim)
  return shim
}

function callFrom(chain: Taker[], listeners: (...args: unknown[]) => boolean, args: unknown[]): boolean {
  const taker = chain.at(-1)
  if (!taker) return listeners(...args)
  return taker((...passed) => callFrom(chain.slice(0, -1), listeners, passed), ...args)
}

/** Throws if every client would be turned away. @throws {QcloneError} `ERR_QCLONE_UNSUPPORTED` */
export function expectCloneable(server: Server): void {
  if (isInline()) return
  native()
  if (!isMainThread) {
    throw new QcloneError(
      'ERR_QCLONE_UNSUPPORTED',
      'a Worker cannot clone its process: serve from the main thread, or set `QCLONE=inline`',
    )
  }
  expectInternals()
  if (isHttp(server)) verifyHttpInternals()
}

/** Expects a `net.Server` or one based on it, except HTTP/2. @throws {TypeError} if `value` is not one. */
export function expectServer(value: unknown): asserts value is Server {
  const server = typeof value === 'object' && value !== null && 'emit' in value && 'listen' in value
  if (typeof value === 'function') {
    throw new TypeError(
      `Expected \`server\` to be a server, got ${shown(value)}: pass the server that \`app.listen()\` returns, or \`http.createServer(app)\``,
    )
  }
  if (!server) throw new TypeError(`Expected \`server\` to be a server, got ${shown(value)}`)
  expectFunction((value as { emit: unknown }).emit, 'server.emit')
  if (isHttp2(value)) {
    throw new TypeError(
      'Expected `server` not to be an HTTP/2 server: the requests of one connection cannot be handed to several processes. Call `run` in its handlers instead',
    )
  }
}

/** Expects an HTTP/1 server. @throws {TypeError} if `value` is not one. */
export function expectHttpServer(value: unknown): asserts value is HttpServer {
  expectServer(value)
  if (!isHttp(value)) throw new TypeError(`Expected \`server\` to be an HTTP server, got ${shown(value)}`)
}

/** Whether a server speaks HTTP/1. */
export function isHttp(server: Server): boolean {
  return 'headersTimeout' in server
}

/** Whether the connections of a server are encrypted. */
export function isTls(server: Server): boolean {
  return 'setSecureContext' in server
}

function isHttp2(value: object): boolean {
  return value.constructor.name.startsWith('Http2')
}
