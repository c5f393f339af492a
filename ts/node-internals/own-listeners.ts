import type { Socket } from 'node:net'
import type { Callable } from '../types/callable.js'
import { expectFact } from './fact.js'
import { withFreshConnection } from './http-parsers.js'
import { freshResponse } from './http-responses.js'

/** Events of the end of a connection for which Node has listeners of its own. */
const EVENTS = ['close', 'error'] as const

/** Node's own listeners for these events on connections of HTTP, each by its look. Found before the first of them. */
let known: ReadonlySet<string> = new Set()

/**
Returns whether a listener for `close` or `error` on a connection of a server is Node's own.

`lib/_http_server.js` (`socketOnClose`, `socketOnError`, `onServerResponseClose`); Node 20 to 26. Of the listeners of
TLS, only the one that frees its state does anything after the handshake. If it has another name, the state is freed
with the process.
*/
export function isNodesOwn(listener: Callable): boolean {
  return listener.name === 'onSocketCloseDestroySSL' || known.has(lookOf(listener))
}

/**
Returns a listener's name and source. Node binds some listeners anew for each connection. Of a bound function, only the
name tells it from others.
*/
function lookOf(listener: Callable): string {
  return `${listener.name} ${Function.prototype.toString.call(listener)}`
}

/** Returns the listeners on a connection that no other code has seen, with a request that waits for its response. */
function listenersOfNode(): Callable[] {
  const found: Callable[] = []
  withFreshConnection((socket) => found.push(...listenersOn(socket)))
  const { response, socket } = freshResponse()
  response.assignSocket(socket)
  found.push(...listenersOn(socket))
  socket.destroy()
  return found
}

function listenersOn(socket: Socket): Callable[] {
  return EVENTS.flatMap((event) => socket.listeners(event) as Callable[])
}

export function verifyOwnListeners(): void {
  const found = listenersOfNode()
  for (const name of ['socketOnClose', 'socketOnError', 'onServerResponseClose']) {
    expectFact(name, 'lib/_http_server.js', () => found.some((listener) => listener.name.endsWith(name)))
  }
  known = new Set(found.map(lookOf))
}
