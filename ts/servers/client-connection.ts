import type { Socket } from 'node:net'
import { native } from '../native.js'
import { clearTimeout, setImmediate, setTimeout } from '../node-internals/clock.js'
import { closeSilently } from '../node-internals/closed-sockets.js'
import { define, restoreOwn } from '../node-internals/define.js'
import { handleOf } from '../node-internals/handles.js'
import {
  allowsHalfOpen,
  hasParser,
  RESPONSE_ON_SOCKET,
  responseOn,
  setFoundConnection,
} from '../node-internals/http-parsers.js'
import { beforeDestroy, holdReading, releaseReading, serverOf } from '../node-internals/sockets.js'
import { forgetFlow } from '../node-internals/streams.js'
import { fromFailure } from '../types/errors.js'

/** Returns the file descriptor of a connection, or undefined once it is closed. */
export function descriptorOf(socket: Socket): number | undefined {
  const fd = handleOf(socket)?.fd
  return fd !== undefined && fd >= 0 ? fd : undefined
}

/** Returns the bytes that this process has written to a connection. `socket.bytesWritten` throws during a write. */
export function bytesWritten(socket: Socket): number {
  return handleOf(socket)?.bytesWritten ?? socket.bytesWritten
}

/**
Whether a write changes state outside the kernel (that of TLS), so that only one process can continue the connection.
*/
export function isEncrypted(socket: Socket): boolean {
  return 'encrypted' in socket
}

/**
Whether a client that has ended its side may still be connected. Node sets `allowHalfOpen` on every socket of an HTTP
server, which has its own option for that.
*/
export function mayBeHalfOpen(socket: Socket): boolean {
  return allowsHalfOpen(serverOf(socket)) ?? socket.allowHalfOpen
}

/** Number of holds on each connection. */
const holds = new WeakMap<Socket, number>()

/** Stops reading from an HTTP connection until {@link letGo} has been called the same number of times. */
export function hold(socket: Socket): void {
  const count = holds.get(socket) ?? 0
  holds.set(socket, count + 1)
  // A session that has taken the connection over reads nothing here, and its clone must not inherit a hold.
  if (count > 0 || takers.has(socket)) return
  socket.pause()
  // Node resumes reading when a message is complete or its body is read. Node's own flag for a flooding client would
  // stop the parser too, which still gets data that TLS has decrypted.
  define(socket, 'resume', { value: () => socket, configurable: true })
  holdReading(socket)
}

/** Releases one hold, and resumes reading after the last one. Never throws. */
export function letGo(socket: Socket): void {
  const count = holds.get(socket) ?? 0
  holds.set(socket, count - 1)
  if (count > 1) return
  Reflect.deleteProperty(socket, 'resume')
  releaseReading(socket)
  const isUpgraded = !hasParser(socket)
  // As Node leaves an upgraded connection: neither paused nor flowing, so that nothing is lost before it has a listener.
  if (isUpgraded) forgetFlow(socket)
  const take = takers.get(socket)
  if (take) {
    take()
    return
  }
  try {
    if (socket.destroyed) return
    if (isUpgraded && !hasReader(socket)) socket.read(0)
    else socket.resume()
  } catch (error) {
    // A listener of `resume` threw.
    socket.destroy(error as Error)
  }
}

function hasReader(socket: Socket): boolean {
  return socket.listenerCount('data') + socket.listenerCount('readable') > 0
}

/** Callbacks that take over connections once nothing holds them. */
const takers = new WeakMap<Socket, () => void>()

/** Waits until nothing holds a connection, and takes it over: reading does not resume then, and nothing holds it again. */
export function untilLetGo(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    takers.set(socket, resolve)
    if ((holds.get(socket) ?? 0) === 0) resolve()
  })
}

/**
Waits until the HTTP parser has consumed everything read from a connection. It parses chunk after chunk within one
callback of the event loop; ticks and promise jobs run between a body and the next request in the same chunk.
*/
export function parserAtRest(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

/** In a clone: resumes reading as soon as more of a request's body is read. */
export function readOnDemand(socket: Socket, onRead: () => void): void {
  const resume = () => {
    letGo(socket)
    onRead()
    return socket
  }
  define(socket, 'resume', { value: resume, configurable: true })
}

/** Postponed end of a connection. */
interface Postponed {
  /** The connection's own `end`, if code has patched it. */
  readonly own: PropertyDescriptor | undefined
  /** Arguments of the first call meanwhile. */
  args?: unknown[]
}

const postponed = new WeakMap<Socket, Postponed>()

/**
Postpones the effect of `socket.end` until {@link endIfAsked}. Code that stops a server ends the connections that it
considers idle, which would end the answer that a clone is sending.
*/
export function postponeEnd(socket: Socket): void {
  const entry: Postponed = { own: Object.getOwnPropertyDescriptor(socket, 'end') }
  postponed.set(socket, entry)
  const end = (...args: unknown[]) => {
    entry.args ??= args
    return socket
  }
  define(socket, 'end', { value: end, configurable: true, writable: true })
}

/** Undoes {@link postponeEnd}. @returns the arguments of the first call of `end` meanwhile; `undefined` without one. */
export function regainEnd(socket: Socket): unknown[] | undefined {
  const entry = postponed.get(socket)
  if (!entry) return undefined
  postponed.delete(socket)
  restoreOwn(socket, 'end', entry.own)
  return entry.args
}

/** Undoes {@link postponeEnd}, and ends the connection if `end` has been called meanwhile. Never throws. */
export function endIfAsked(socket: Socket): void {
  const args = regainEnd(socket)
  if (!args || socket.destroyed) return
  try {
    Reflect.apply(socket.end, socket, args)
  } catch (error) {
    // Code has patched `end`, or called it with wrong arguments.
    socket.destroy(error as Error)
  }
}

/** Errors that servers emitted for connections whose requests were not expected at the time. */
const missed = new WeakMap<Socket, Error>()

/**
Sets whether this process's server enforces that a request arrives in time. While a clone answers, nothing arrives here,
and the server's `408` would land in the middle of the clone's answer. Call it only while the parser is idle:
requests parsed while the stand-in is in place would get it as their connection.
*/
export function expectRequest(socket: Socket, expected: boolean): void {
  setFoundConnection(socket, expected ? socket : standInFor(socket))
}

/**
Closes a connection on which a request has become late meanwhile, in place of the server, which emits the error only
once.
*/
export function breakOffLate(socket: Socket): void {
  const error = missed.get(socket)
  missed.delete(socket)
  if (error && !socket.destroyed) socket.emit('error', error)
}

/**
Returns a stand-in for the connection that a server finds when it looks for late requests or for connections to close.
It closes the real connection, but keeps the error of a late request to itself, and in a clone ignores the parser's
`pause`. See `onRequestTimeout`, `socketOnError` and `closeAllConnections` in Node's `lib/_http_server.js`.
*/
function standInFor(socket: Socket) {
  return {
    destroy: () => socket.destroy(),
    get [RESPONSE_ON_SOCKET]() {
      return responseOn(socket)
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

/**
Closes this process's descriptor of a connection and emits nothing. Another process continues the connection. Code
that still holds the socket finds it closed.
*/
export function abandon(socket: Socket): void {
  closeSilently(socket)
}

/** Maximum time a client can continue to send after its last answer, in milliseconds. */
const CLOSE_TIMEOUT_MS = 2000

/**
Closes a connection whose client has been sent everything.

Further input from the client is read and dropped for a while. Closing a connection with unread bytes resets it, and the
client can lose data it has not read yet; see tcp(7) and RFC 9112, section 9.6.

A connection that a clone has reset, by `resetAndDestroy`, is reset.
*/
export function close(socket: Socket): void {
  const fd = descriptorOf(socket)
  if (fd !== undefined && native().resetsAtClose(fd)) {
    cut(socket)
    return
  }
  if (fd !== undefined) dropInput(fd)
  socket.destroy()
}

function dropInput(fd: number): void {
  const end = () => {
    clearTimeout(timer)
    watch?.close()
  }
  const { watch } = native().dropInput(fd, end)
  const timer = setTimeout(end, CLOSE_TIMEOUT_MS).unref()
  if (watch) return
  // No file descriptor is left for a watch: drop only what has arrived.
  clearTimeout(timer)
  native().discardInput(fd)
}

/** Bytes that clones have written to each connection. */
const writtenByClones = new WeakMap<Socket, number>()

/** Adds bytes that a clone has written to a connection to its `bytesWritten`. */
export function countWritten(socket: Socket, bytes: number): void {
  const before = writtenByClones.get(socket)
  writtenByClones.set(socket, (before ?? 0) + bytes)
  if (before !== undefined) return
  const prototype = Object.getPrototypeOf(socket) as object
  define(socket, 'bytesWritten', {
    get: () => Number(Reflect.get(prototype, 'bytesWritten', socket)) + (writtenByClones.get(socket) ?? 0),
    configurable: true,
  })
}

/**
Resets a connection, so that the client cannot take the data it received as complete. Works over TLS too, where Node
has no reset. A unix socket has no reset and is closed.
*/
export function cut(socket: Socket): void {
  if (socket.destroyed) return
  native().resetAtClose(descriptorOf(socket) ?? -1)
  isCutting = true
  socket.destroy()
  isCutting = false
}

/** Whether {@link cut} is closing a connection, and over TLS the socket below it. */
let isCutting = false

/**
Resets a connection if this process dies, so that its client cannot take the data it received as complete. If the
process closes the connection, it ends normally, or is reset by {@link cut}.
*/
export function resetAtDeath(socket: Socket): void {
  const fd = descriptorOf(socket) ?? -1
  native().resetAtClose(fd)
  beforeDestroy(socket, () => {
    if (!isCutting && !letGoAlive.has(socket)) native().endAtClose(fd)
  })
}

/** Undoes {@link resetAtDeath} permanently: another process continues the connection. */
export function letLive(socket: Socket): void {
  letGoAlive.add(socket)
  native().endAtClose(descriptorOf(socket) ?? -1)
}

const letGoAlive = new WeakSet<Socket>()

/** Closes a connection if nothing arrives in this process within `ms`. */
export function closeIfSilent(socket: Socket, ms: number): void {
  whileOpen(socket, ms, () => {
    if (socket.bytesRead === 0) socket.destroy()
  })
}

/** Whether the connection `fd` has unread input. At its end, or if `fd` is not a connection, there is none. */
export function hasInput(fd: number): boolean {
  return (native().progressOf(fd)?.unread ?? 0) > 0
}

/** Calls `act` once the input that had arrived before a connection was opened has been read. */
export function untilRead(act: () => void): void {
  // The event loop reads it in its next turn.
  setImmediate(() => setImmediate(act))
}

/** This library's listeners for the end of connections. */
const ours = new WeakSet<object>()

/** Adds a listener for the end of a connection that stays in a clone. */
export function onClose(socket: Socket, listener: () => void): void {
  ours.add(listener)
  socket.on('close', listener)
}

/** Returns whether {@link onClose} has added a listener. */
export function isOurs(listener: object): boolean {
  return ours.has(listener)
}

/** Calls `act` after `ms`, unless the connection is closed first. */
export function whileOpen(socket: Socket, ms: number, act: () => void): void {
  const timer = setTimeout(act, ms).unref()
  onClose(socket, () => clearTimeout(timer))
}

/** Calls `act` once, at the next `event` of a connection or when it is closed. */
export function atNext(socket: Socket, event: 'drain' | 'finish' | 'readable', act: () => void): void {
  const settle = () => {
    socket.off(event, settle)
    socket.off('close', settle)
    act()
  }
  socket.on(event, settle)
  onClose(socket, settle)
}

/** Callbacks for the end of each connection. Many requests can wait on one connection; one listener serves them all. */
const onceClosed = new WeakMap<Socket, Set<() => void>>()

/**
Calls `act` when a connection is closed, or immediately if it already is.

@returns a function that cancels the call.
*/
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
    onClose(socket, () => {
      for (const each of [...all]) each()
    })
  }
  acts.add(act)
  return () => void acts.delete(act)
}

/**
Calls `left`, at most once, when the client has left or this process has closed the connection. Reads nothing.

@param halfOpen whether a client that has only ended its side counts as connected.
@returns a function that ends the watch.
@throws {QcloneError} `ERR_QCLONE_FORK` if no file descriptor is left for it.
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
