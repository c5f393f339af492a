import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { isClone } from 'node-qclone'
import { WANTED } from './wanted.js'

/** Ends this clone by a signal. In a server without clones: what the documentation says of that. */
export function die(response: ServerResponse): void {
  if (isClone()) process.kill(process.pid, 'SIGKILL')
  else beAsDied(response)
}

/** Ends this clone by an uncaught error. In a server without clones: what the documentation says of that. */
export function fail(response: ServerResponse): void {
  if (isClone()) throw new Error(WANTED)
  beAsDied(response)
}

/** Ends this clone in order, with nothing said. In a server without clones: what the documentation says of that. */
export function exit(response: ServerResponse): void {
  if (isClone()) process.exit(0)
  beAsDied(response)
}

/** Never answers. In a server without clones: what the documentation says of that. */
export function neverAnswer(response: ServerResponse): void {
  if (!isClone()) beAsDied(response)
}

/** "A clone that dies before its first byte is a 500. After its first byte, the connection is reset." */
function beAsDied(response: ServerResponse): void {
  whenAssigned(response, (socket) => {
    if (response.headersSent) return reset(socket)
    for (const name of response.getHeaderNames()) response.removeHeader(name)
    response.writeHead(500, { 'content-type': 'text/plain; charset=utf-8' })
    response.end('Internal Server Error\n')
  })
}

/** Breaks a connection off, as a clone's parent does. */
export function reset(socket: Socket): void {
  if ('encrypted' in socket) socket.destroy()
  else if (!socket.destroyed) socket.resetAndDestroy()
}

/** Calls `act` when a response is the next on its connection. */
export function whenAssigned(response: ServerResponse, act: (socket: Socket) => void): void {
  if (response.socket) {
    act(response.socket)
    return
  }
  const { assignSocket } = response
  response.assignSocket = (socket) => {
    Reflect.deleteProperty(response, 'assignSocket')
    Reflect.apply(assignSocket, response, [socket])
    act(socket)
  }
}
