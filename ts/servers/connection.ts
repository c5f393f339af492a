import type { Server, Socket } from 'node:net'
import { clearTimeout, setImmediate, setTimeout } from '../clock.js'
import { fromFailure } from '../errors.js'
import { native } from '../native.js'

/** Of a socket, what no public API gives. */
interface Internals {
  _handle?: {
    readonly fd?: number
    readonly bytesWritten?: number
    reading?: boolean
    readStart?: () => number
    readStop?: () => number
    close?: () => void
  } | null
  parser?: { socket: unknown } | null
  _httpMessage?: unknown
}

function internals(socket: Socket): Internals {
  return socket as unknown as Internals
}

/** The descriptor of a connection; undefined once it is closed. */
export function descriptorOf(socket: Socket): number | undefined {
  const fd = internals(socket)._handle?.fd
  return fd !== undefined && fd >= 0 ? fd : undefined
}

/** Bytes that this process has handed to the kernel for a connection. `bytesWritten` of a socket throws while it writes. */
export function bytesWritten(socket: Socket): number {
  return internals(socket)._handle?.bytesWritten ?? socket.bytesWritten
}

/** Whether what is written changes more than what the kernel knows, so that only one process can go on with it. */
export function isEncrypted(socket: Socket): boolean {
  return 'encrypted' in socket
}

/**
Whether a client that sends nothing more may still be there. Every socket of an HTTP server allows that to Node, and the
server has an option of its own.
*/
export function mayBeHalfOpen(socket: Socket): boolean {
  const { server } = socket as { server?: Server & { httpAllowHalfOpen?: boolean } }
  return server && 'httpAllowHalfOpen' in server ? server.httpAllowHalfOpen === true : socket.allowHalfOpen
}

/** How many hold a connection. */
const holds = new WeakMap<Socket, number>()

/** Reads nothing more from a connection of HTTP until {@link letGo} has been called as often. */
export function hold(socket: Socket): void {
  const count = holds.get(socket) ?? 0
  holds.set(socket, count + 1)
  if (count > 0) return
  socket.pause()
  // Node reads on when a message is complete, or its body is asked for. It has a mark of its own for a client that
  // floods it, but that stops the parser too, to which TLS still gives what it has decrypted.
  Object.defineProperty(socket, 'resume', { value: () => socket, configurable: true })
  const handle = internals(socket)._handle
  if (!handle) return
  handle.reading = false
  handle.readStop?.()
  // A `resume` that was scheduled before is emitted in spite of the pause, and Node's HTTP server reads on then.
  Object.defineProperty(handle, 'readStart', { value: () => 0, configurable: true })
}

/** Reads on. Never throws. */
export function letGo(socket: Socket): void {
  const count = holds.get(socket) ?? 0
  holds.set(socket, count - 1)
  if (count > 1) return
  Reflect.deleteProperty(socket, 'resume')
  const handle = internals(socket)._handle
  if (handle) {
    Reflect.deleteProperty(handle, 'readStart')
    handle.reading = false
  }
  const next = waitingForRelease.get(socket)
  if (next) {
    next()
    return
  }
  try {
    if (!socket.destroyed) socket.resume()
  } catch (error) {
    // A listener of `resume` threw.
    socket.destroy(error as Error)
  }
}

/** Who takes a connection over once it is held no longer. */
const waitingForRelease = new WeakMap<Socket, () => void>()

/** Waits until nobody holds a connection, from which nothing is read on then. */
export function untilLetGo(socket: Socket): Promise<void> {
  if ((holds.get(socket) ?? 0) === 0) return Promise.resolve()
  return new Promise((resolve) => waitingForRelease.set(socket, resolve))
}

/**
Waits until the HTTP parser has taken all that was read from a connection. It parses one chunk after another within a
callback of the event loop, and ticks and promise jobs run between a body and the request behind it in the same chunk.
*/
export function parserAtRest(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

/** In a clone: reads on as soon as somebody asks for more of a request's body. */
export function readOnDemand(socket: Socket, onRead: () => void): void {
  const resume = () => {
    letGo(socket)
    onRead()
    return socket
  }
  Object.defineProperty(socket, 'resume', { value: resume, configurable: true })
}

/** Errors by which servers broke off connections that they were not to look at. */
const missed = new WeakMap<Socket, Error>()

/**
Says whether the server here sees to it that a request arrives in time. While a clone answers nothing arrives here, and
what the server says of a late request would land in the clone's answer. The parser must be at rest: what it parses while
its requests are not expected has a connection that is none.
*/
export function expectRequest(socket: Socket, expected: boolean): void {
  const { parser } = internals(socket)
  // The server goes through its parsers, and finds their connections by this.
  if (parser) parser.socket = expected ? socket : standInFor(socket)
}

/** Breaks a connection off if a request on it became late meanwhile, as the server would have: it says so once. */
export function breakOffLate(socket: Socket): void {
  const error = missed.get(socket)
  missed.delete(socket)
  if (error && !socket.destroyed) socket.emit('error', error)
}

/**
What a server finds that looks for requests that are late, and for connections to close: it can close this one, but what
it says of a late request nobody hears; nor, in a clone, does a parser that would hold its client up. See
`onRequestTimeout`, `socketOnError` and `closeAllConnections` in Node's `lib/_http_server.js`.
*/
function standInFor(socket: Socket) {
  return {
    destroy: () => socket.destroy(),
    get _httpMessage() {
      return internals(socket)._httpMessage
    },
    on() {},
    pause() {},
    removeListener() {},
    listenerCount: () => 1,
    server: {
      emit(event: string, error: Error) {
        if (event === 'clientError') missed.set(socket, error)
        return true
      },
    },
  }
}

/** Reads nothing more from a connection that nobody reads by HTTP. What has been read stays in its buffer. */
export function stopReading(socket: Socket): void {
  const handle = internals(socket)._handle
  if (!handle) return
  handle.reading = false
  handle.readStop?.()
  // The stream asks for more whenever it likes, a tick after it has got something for instance.
  Object.defineProperty(socket, '_read', { value: () => {}, configurable: true })
}

/** Reads on from a connection after {@link stopReading}. */
export function startReading(socket: Socket): void {
  const handle = internals(socket)._handle
  if (!handle) return
  Reflect.deleteProperty(socket, '_read')
  handle.reading = true
  handle.readStart?.()
}

/** Closes this process's end without a word, to the other side or to listeners: another process goes on. */
export function abandon(socket: Socket): void {
  internals(socket)._handle?.close?.()
}

/** How long, in milliseconds, a client may go on sending when it has had its last answer. */
const LINGER_MS = 2000

/**
Closes a connection on which the client was sent all that it was to get.

What the client still sends is read and dropped for a while: to close a connection with bytes that nobody has read resets
it, and the client may lose what it has not taken yet; see tcp(7), and RFC 9112, 9.6.
*/
export function close(socket: Socket): void {
  const fd = descriptorOf(socket)
  if (fd !== undefined) dropInput(fd)
  socket.destroy()
}

function dropInput(fd: number): void {
  const end = () => {
    clearTimeout(timer)
    watch?.close()
  }
  const { watch } = native().dropInput(fd, end)
  const timer = setTimeout(end, LINGER_MS).unref()
  if (watch) return
  // There is no descriptor left for that.
  clearTimeout(timer)
  native().discardInput(fd)
}

/** Bytes that clones have written to a connection. */
const writtenByClones = new WeakMap<Socket, number>()

/** Counts bytes that a clone has written to a connection in its `bytesWritten`. */
export function countWritten(socket: Socket, bytes: number): void {
  const before = writtenByClones.get(socket)
  writtenByClones.set(socket, (before ?? 0) + bytes)
  if (before !== undefined) return
  const prototype = Object.getPrototypeOf(socket) as object
  Object.defineProperty(socket, 'bytesWritten', {
    get: () => Number(Reflect.get(prototype, 'bytesWritten', socket)) + (writtenByClones.get(socket) ?? 0),
    configurable: true,
  })
}

/**
Breaks a connection off in such a way that what was sent cannot be taken for the whole: by a reset, over TLS too, where
Node has none. A unix socket has no reset, and is closed.
*/
export function cut(socket: Socket): void {
  if (socket.destroyed) return
  native().resetAtClose(descriptorOf(socket) ?? -1)
  socket.destroy()
}

/** Calls `act`, once, at the next `event` of a connection, or when it is closed. */
export function atNext(socket: Socket, event: 'drain' | 'readable', act: () => void): void {
  const settle = () => {
    socket.off(event, settle)
    socket.off('close', settle)
    act()
  }
  socket.on(event, settle)
  socket.on('close', settle)
}

/** What is to be called when a connection is closed: many requests may wait on one, and one listener is enough. */
const onceClosed = new WeakMap<Socket, Set<() => void>>()

/** Calls `act` when a connection is closed, or at once when it has been. @returns what takes that back. */
export function whenClosed(socket: Socket, act: () => void): () => void {
  if (socket.destroyed) {
    act()
    return () => {}
  }
  let acts = onceClosed.get(socket)
  if (!acts) {
    const all = new Set<() => void>()
    acts = all
    onceClosed.set(socket, all)
    socket.once('close', () => {
      for (const each of [...all]) each()
    })
  }
  acts.add(act)
  return () => void acts.delete(act)
}

/**
Calls `left`, once at most, when the client has left or this process has closed the connection. Nothing is read.

@param halfOpen whether a client that only says that it sends nothing more has not left.
@returns what ends the watch.
@throws {QcloneError} `ERR_QCLONE_FORK` when there is no descriptor for it.
*/
export function watchClient(
  socket: Socket,
  { halfOpen }: { halfOpen: boolean },
  left: () => void,
): () => void {
  const fd = descriptorOf(socket)
  const { watch, failure } = halfOpen || fd === undefined ? {} : native().watchHangup(fd, () => onLeft())
  if (failure) throw fromFailure(failure)
  let over = false
  const end = () => {
    over = true
    watch?.close()
    forget()
  }
  const onLeft = () => {
    if (over) return
    end()
    left()
  }
  let forget = () => {}
  forget = whenClosed(socket, onLeft)
  return end
}

/** In a clone: calls `tell` right before anything is written to a connection. */
export function beforeFirstWrite(socket: Socket, tell: () => void): void {
  const shims: Record<string, unknown> = {}
  for (const method of ['_write', '_writev', '_writeGeneric'] as const) {
    shims[method] = (...args: unknown[]) => {
      // Those of its class are found again.
      for (const name of Object.keys(shims)) Reflect.deleteProperty(socket, name)
      tell()
      return Reflect.apply(Reflect.get(socket, method) as () => unknown, socket, args)
    }
  }
  Object.assign(socket, shims)
}
