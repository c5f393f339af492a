import type { EventEmitter } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { hold } from '../in-clone/hold.js'
import { calledInClones } from '../in-clone/precompile.js'
import { isNodesOwn } from '../node-internals/own-listeners.js'
import { socketBelow } from '../node-internals/sockets.js'
import type { Callable } from '../types/callable.js'
import { isOurs } from './client-connection.js'

/**
In a clone: leaves the listeners for the end of a response to the parent, which calls them. Node's own would begin the
next request, which is the parent's.
*/
export function leaveResponseListeners(response: ServerResponse): void {
  leaveListeners(response, ['finish', 'close'])
}

/**
In a clone: leaves the listeners for the end of a request to the parent. Those for its body stay: a function passed to
`offload` may rely on them.
*/
export function leaveRequestListeners(request: IncomingMessage): void {
  leaveListeners(request, ['aborted', 'close', 'error'])
}

/**
In a clone: leaves the listeners for the end of a connection to the parent. Node's own and this library's stay.

@param events `error` too if Node has a listener for it: without any, an error would end the clone.
*/
export function leaveSocketListeners(socket: Socket, events: ReadonlyArray<'close' | 'error'>): void {
  leaveListeners(socket, events, (listener) => isOurs(listener) || isNodesOwn(listener))
  const below = socketBelow(socket)
  if (!below) return
  leaveListeners(below, ['close'])
  // As Node's own listener does.
  below.on('close', () => socket.destroy())
}

function leaveListeners(
  emitter: EventEmitter,
  events: readonly string[],
  stays: (listener: Callable) => boolean = () => false,
): void {
  for (const event of events) {
    for (const listener of emitter.listeners(event) as Callable[]) {
      if (stays(listener)) continue
      hold(listener)
      emitter.removeListener(event, listener as () => void)
    }
  }
}

calledInClones(leaveResponseListeners, leaveRequestListeners, leaveSocketListeners, leaveListeners)
calledInClones(isNodesOwn, socketBelow, isOurs)
