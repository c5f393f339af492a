import { createRequire } from 'node:module'
import { expectFact, isObject } from './fact.js'

/** Handle of libuv, as Node's objects hold it. */
export interface Handle {
  /**
  Descriptor, `-1` once closed. Identifies the connection that a clone keeps, or that is dead in a clone.

  `src/stream_base.cc`, `src/udp_wrap.cc`; Node 20 to 26.
  */
  readonly fd: number
  /**
  Bytes handed to the kernel. `socket.bytesWritten` includes queued bytes, and throws while Node writes.

  `src/stream_base.cc`; Node 20 to 26.
  */
  readonly bytesWritten: number
  /**
  Node's own flag of a handle that is reading: `_read` calls `readStart` only if it is `false`.

  `lib/net.js`; Node 20 to 26.
  */
  reading: boolean
  /** Starts reading. `src/stream_base.cc`; Node 20 to 26. */
  readStart(): number
  /** Stops reading, so that only the clone reads from a client's connection. `src/stream_base.cc`; Node 20 to 26. */
  readStop(): number
  /** Closes only the descriptor, and emits nothing. `src/handle_wrap.cc`; Node 20 to 26. */
  close(): void
}

/**
Returns the handle of a socket, server or stream: `_handle`. It is `null` or `undefined` if the object is closed, has
never been opened, or is not Node's.

`lib/net.js`; Node 20 to 26.
*/
export function handleOf(object: object): Handle | null | undefined {
  return (object as { _handle?: Handle | null })._handle
}

/** Returns whether `object` has a `_handle`, like sockets and servers of `node:net`, open or not. */
export function hasHandle(object: object): boolean {
  return '_handle' in object
}

/**
Returns the handle of a UDP socket, from behind a symbol: `socket._handle` emits a deprecation warning.

`lib/internal/dgram.js`; Node 20 to 26.
*/
export function handleOfDatagrams(socket: object): Handle | undefined {
  const state = symbolNamed(socket, 'state symbol')
  return state && (socket as Record<symbol, { handle?: Handle }>)[state]?.handle
}

/**
Returns the async id of a handle: `getAsyncId()`. A handle with an id below the first one after the fork is inherited.
The id is `undefined` for a handle that is not Node's.

`src/async_wrap.cc`; Node 20 to 26.
*/
export function asyncIdOf(handle: object): number | undefined {
  const { getAsyncId } = handle as { getAsyncId?: () => number }
  return getAsyncId && Reflect.apply(getAsyncId, handle, [])
}

/** Returns the own symbol of `object` with this description. Node does not export such symbols. */
export function symbolNamed(object: object, name: string): symbol | undefined {
  return Object.getOwnPropertySymbols(object).find(({ description }) => description === name)
}

/** @param socket New socket, open at `fd` and reading. */
export function verifyHandle(socket: object, fd: number): void {
  const handle = () => handleOf(socket) as Handle
  expectFact('socket._handle', 'lib/net.js', () => isObject(handle()))
  expectFact('handle.fd', 'src/stream_base.cc', () => handle().fd === fd)
  expectFact('handle.bytesWritten', 'src/stream_base.cc', () => handle().bytesWritten === 0)
  expectFact('handle.reading', 'lib/net.js', () => handle().reading === true)
  expectFact('handle.readStop', 'src/stream_base.cc', () => handle().readStop() === 0)
  expectFact('handle.readStart', 'src/stream_base.cc', () => typeof handle().readStart === 'function')
  expectFact('handle.close', 'src/handle_wrap.cc', () => typeof handle().close === 'function')
  expectFact('handle.getAsyncId', 'src/async_wrap.cc', () => Number(asyncIdOf(handle())) > 0)
}

/** Verifies UDP sockets. Opens no descriptor: a UDP socket gets one when it is bound. */
export function verifyDatagrams(): void {
  const { createSocket } = createRequire(import.meta.url)('node:dgram') as typeof import('node:dgram')
  const socket = createSocket('udp4')
  try {
    expectFact('state symbol', 'lib/internal/dgram.js', () => Number(handleOfDatagrams(socket)?.fd) < 0)
  } finally {
    socket.close()
  }
}
