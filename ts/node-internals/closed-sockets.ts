import { Socket } from 'node:net'
import { define } from './define.js'
import { expectFact } from './fact.js'
import { handleOf } from './handles.js'

/** Undocumented members of a socket. */
interface Internals {
  /** Server that counts the socket, and emits `close` after its last one. `lib/net.js`; Node 20 to 26. */
  _server: object | null
}

const { destroy } = Socket.prototype

/**
Closes a socket's descriptor and leaves the socket as Node leaves a closed one: writes fail, the byte counts stay.
Neither the socket nor its server emits anything, now or later. The connection stays open if another process has it.

`lib/net.js` (`Socket.prototype._destroy`); Node 20 to 26.
*/
export function closeSilently(socket: Socket): void {
  if (!handleOf(socket)) return
  const internals = socket as unknown as Internals
  internals._server = null
  define(socket, 'emit', { value: () => false, configurable: true, writable: true })
  // Not the socket's own `destroy`, which others patch.
  Reflect.apply(destroy, socket, [])
}

export function verifyClosing(): void {
  const socket = new Socket() as unknown as Internals
  expectFact('socket._server', 'lib/net.js', () => socket._server === null)
}
