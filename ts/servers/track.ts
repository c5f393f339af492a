import { AsyncLocalStorage } from 'node:async_hooks'
import type { Server } from 'node:http'
import { expectHttpServer, shimServer, type Undo } from './shim.js'

const requests = new AsyncLocalStorage<true>()

/**
Has {@link inRequest} tell whether code runs on behalf of a request to this server.

@returns an undo.
@throws {TypeError} when `server` is no server of HTTP/1, or is tracked already.
*/
export function trackRequests(server: Server): Undo {
  expectHttpServer(server)
  const take = (next: (...args: unknown[]) => boolean, ...args: unknown[]) =>
    requests.run(true, () => next(...args))
  return shimServer(server, 'tracking', { request: take, checkContinue: take })
}

/** Whether this code runs on behalf of a request to a server that is tracked, in whichever process. */
export function inRequest(): boolean {
  return requests.getStore() === true
}
