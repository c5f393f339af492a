import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { isClone } from 'node-qclone'
import { cut } from '#dist/servers/client-connection.js'
import { WANTED } from './wanted.js'

/** Ends this clone by a signal. A server without clones does what the documentation says of that. */
export function die(response: ServerResponse): void {
  if (isClone()) process.kill(process.pid, 'SIGKILL')
  else beAsDied(response)
}

/** Ends this clone by an uncaught error. A server without clones does what the documentation says of that. */
export function fail(response: ServerResponse): void {
  if (isClone()) throw new Error(WANTED)
  beAsDied(response)
}

/** Exits this clone without an answer. A server without clones does what the documentation says of that. */
export function exit(response: ServerResponse): void {
  if (isClone()) process.exit(0)
  beAsDied(response)
}

const continued = new WeakSet<ServerResponse>()

/** Sends `100 Continue`, which counts as a clone's first byte. */
export function tellToContinue(response: ServerResponse): void {
  continued.add(response)
  response.writeContinue()
}

const TEXT_OF_500 = 'Internal Server Error\n'

/** "A clone that dies before its first byte is a 500. After its first byte, the connection is reset." */
function beAsDied(response: ServerResponse): void {
  whenAssigned(response, (socket) => {
    if (response.headersSent || continued.has(response)) return reset(socket)
    for (const name of response.getHeaderNames()) response.removeHeader(name)
    response.statusCode = 500
    response.setHeader('content-type', 'text/plain; charset=utf-8')
    // Node gives an answer to HEAD no length by itself.
    if (response.req.method === 'HEAD') response.setHeader('content-length', TEXT_OF_500.length)
    response.end(TEXT_OF_500)
  })
}

/** Resets a connection, as a clone's parent does. */
export function reset(socket: Socket): void {
  cut(socket)
}

/** Calls `act` once a response is the next on its connection. */
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
