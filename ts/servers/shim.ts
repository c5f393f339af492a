import type { Server as HttpServer } from 'node:http'
import type { Server, Socket } from 'node:net'
import { isMainThread } from 'node:worker_threads'
import { findInternals } from '../clone-context/enter.js'
import { reportError } from '../clone-context/leave.js'
import { QcloneError } from '../errors.js'
import { handlers } from '../handlers.js'
import { native } from '../native.js'
import { isInline } from '../settings.js'
import { expectFunction, shown } from '../validate.js'

/**
Stands before the listeners of a server's event.

@param next the next taker, and in the end the server's own listeners. May be called later, or never.
@returns what `emit` is to return: whether somebody heard it.
*/
export type Taker = (next: (...args: unknown[]) => boolean, ...args: unknown[]) => boolean

/** What a server can be shimmed for. */
export type Service = 'queries' | 'requests' | 'sessions' | 'tracking'

/** What cannot be on one server at once. */
const EXCLUSIVE: readonly Service[] = ['queries', 'sessions']

interface Shimmed {
  readonly services: Set<Service>
  /** By event; newest last. */
  readonly takers: Map<string, Taker[]>
  /** Gives the server back. */
  readonly restore: () => void
}

/** Takes the shims of one call out again. Twice does nothing. */
export type Undo = (options?: UndoOptions) => void

export interface UndoOptions {
  /**
  Whether the connections that are served by sessions or queries are closed, and so the clones that serve them end.

  @default false
  */
  readonly close?: boolean
}

const shimmed = new WeakMap<Server, Shimmed>()

/** The undo of every shim that is in place. */
const undos = new Set<Undo>()

/**
Puts takers before a server's listeners, whenever those were or will be added.

@param connections those that are served by it, where the server itself has no way to close them.
@returns an undo, which gives the server back once none is left.
@throws {TypeError} when the server has that service already, or one that it cannot go with.
*/
export function shimServer(
  server: Server,
  service: Service,
  takers: Record<string, Taker>,
  connections: ReadonlySet<Socket> = new Set(),
): Undo {
  const present = shimmed.get(server)?.services ?? new Set()
  const inTheWay = [...present].find(
    (other) => other === service || (EXCLUSIVE.includes(other) && EXCLUSIVE.includes(service)),
  )
  if (inTheWay) {
    throw new TypeError(
      inTheWay === service
        ? `Expected \`server\` not to be served by clones for its ${service} already: call what that call returned first`
        : `Expected \`server\` not to be served by clones for its ${inTheWay}: a server has clones per session or per query`,
    )
  }
  const shim = shimmed.get(server) ?? shimEmit(server)
  shim.services.add(service)
  for (const [event, taker] of Object.entries(takers)) {
    shim.takers.set(event, [...(shim.takers.get(event) ?? []), taker])
  }
  const undo: Undo = ({ close = false } = {}) => {
    if (close) for (const socket of connections) socket.destroy()
    if (!undos.delete(undo)) return
    shim.services.delete(service)
    for (const [event, taker] of Object.entries(takers)) {
      shim.takers.set(event, shim.takers.get(event)?.filter((other) => other !== taker) ?? [])
    }
    if (shim.services.size === 0) shim.restore()
  }
  undos.add(undo)
  return undo
}

/**
Gives every server back, as if it had never been served by clones. Clones that serve go on to their end, unless
connections are to be closed.
*/
export function unload(options?: UndoOptions): void {
  for (const undo of [...undos]) undo(options)
  handlers.unload.call()
}

/**
Whether `filter` chooses a client. Undefined when it throws, which is printed: what a client sends must not end the
parent.
*/
export function choose<T>(filter: (client: T) => boolean, client: T): boolean | undefined {
  try {
    return Boolean(filter(client))
  } catch (error) {
    reportError(error)
    return undefined
  }
}

/** Keeps a connection in a set for as long as it is open. */
export function keepWhileOpen(socket: Socket, connections: Set<Socket>): void {
  connections.add(socket)
  socket.on('close', () => connections.delete(socket))
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
    // Somebody may have put theirs over ours, which then only passes events on.
    if (server.emit !== (emit as Server['emit'])) return
    if (own) Object.defineProperty(server, 'emit', own)
    else delete (server as Partial<Server>).emit
  }
  Object.defineProperty(server, 'emit', {
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

/** @throws {QcloneError} `ERR_QCLONE_UNSUPPORTED` where no clone can ever be made: every client would be turned away. */
export function expectCloneable(): void {
  if (isInline()) return
  native()
  if (!isMainThread) {
    throw new QcloneError(
      'ERR_QCLONE_UNSUPPORTED',
      'a Worker cannot clone its process: serve from the main thread, or set `QCLONE=inline`',
    )
  }
  findInternals()
}

/** @throws {TypeError} when `value` is no server of `node:net`, or of what is built on it. */
export function expectServer(value: unknown): asserts value is Server {
  const server = typeof value === 'object' && value !== null && 'emit' in value && 'listen' in value
  if (typeof value === 'function') {
    throw new TypeError(
      `Expected \`server\` to be a server, got ${shown(value)}: pass what \`listen\` of an application returns, or \`http.createServer(app)\``,
    )
  }
  if (!server) throw new TypeError(`Expected \`server\` to be a server, got ${shown(value)}`)
  expectFunction((value as { emit: unknown }).emit, 'server.emit')
  if (isHttp2(value)) {
    throw new TypeError(
      'Expected `server` to serve one client a connection: HTTP/2 has many requests on each, which cannot be handed to different processes',
    )
  }
}

/** @throws {TypeError} when `value` is no server of HTTP/1. */
export function expectHttpServer(value: unknown): asserts value is HttpServer {
  expectServer(value)
  if (!isHttp(value)) throw new TypeError(`Expected \`server\` to be a server of HTTP, got ${shown(value)}`)
}

/** Whether it speaks HTTP/1. */
export function isHttp(server: Server): boolean {
  return 'headersTimeout' in server
}

/** Whether its connections are encrypted. */
export function isTls(server: Server): boolean {
  return 'setSecureContext' in server
}

function isHttp2(value: object): boolean {
  return value.constructor.name.startsWith('Http2')
}
