import { AsyncLocalStorage } from 'node:async_hooks'
import type { Server } from 'node:http'
import { expectHttpServer, shimServer, type Undo } from '../intercept.js'

const requests = new AsyncLocalStorage<true>()

/**
Makes {@link inRequest} work for requests to this server.

@returns an undo function.
@throws {TypeError} if `server` is not an HTTP/1 server, or is tracked already.

@example
```js
import { createServer } from 'node:http'
import { inRequest, trackRequests } from 'node-qclone'

const server = createServer((request, response) => response.end(`in a request: ${inRequest()}`))
trackRequests(server)
server.listen(0, async () => {
  const response = await fetch(`http://localhost:${server.address().port}/`)
  console.log(await response.text()) // in a request: true
  server.close()
})
```
*/
export function trackRequests(server: Server): Undo {
  expectHttpServer(server)
  const take = (next: (...args: unknown[]) => boolean, ...args: unknown[]) =>
    requests.run(true, () => next(...args))
  return shimServer(server, 'tracking', { request: take, checkContinue: take, checkExpectation: take })
}

/**
Whether the current code runs on behalf of a request to a tracked server. Also true in asynchronous code and in clones.

@example
```js
import { inRequest } from 'node-qclone'

console.log(inRequest()) // false
```
*/
export function inRequest(): boolean {
  return requests.getStore() === true
}
