import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import { handlers } from '../../observe/handlers.js'
import { EXPECT_OF_SERVING, type ServingOptions, servingOptionsOf } from '../../options/clone-options.js'
import { isInline } from '../../options/settings.js'
import {
  type Expectations,
  expectEach,
  expectFunction,
  expectMilliseconds,
  expectNumber,
  integerFrom,
} from '../../options/validate.js'
import type { Callable } from '../../types/callable.js'
import { descriptorOf } from '../client-connection.js'
import { choose, expectCloneable, expectHttpServer, shimServer, type Taker, type Undo } from '../intercept.js'
import { type Exchange, exchange } from './exchange.js'
import { drawRequestId } from './request-ids.js'

/** Options of {@link cloneRequests} and {@link offload}. */
export interface AnsweringOptions extends ServingOptions {
  /**
  Value of `Retry-After`, in whole seconds, for a client that is turned away because the queue is full or a fork is refused.

  @default 1
  */
  readonly retryAfter?: number

  /**
  Maximum time in milliseconds a clone continues its handler's remaining work after the response. Then it is killed.

  @default 1000
  */
  readonly afterResponseTimeout?: number
}

/** Options of {@link cloneRequests}. */
export interface RequestOptions extends AnsweringOptions {
  /**
  Whether a clone handles the request. The parent handles the others. If it throws, the error is printed and the client
  gets status 500.

  @default all requests
  */
  readonly filter?: (request: IncomingMessage) => boolean

  /**
  Maximum length in bytes of a request body that the parent waits for before it forks, so that a slow client holds no
  clone and the connection can continue. The clone reads the rest of a longer body itself, and the connection closes
  after the response.

  @default 1048576
  */
  readonly maxBufferedBody?: number
}

const AFTER_RESPONSE_TIMEOUT_MS = 1000
const RETRY_AFTER_S = 1
const MAX_BUFFERED_BODY_BYTES = 1 << 20

export const EXPECT_OF_ANSWERING: Expectations<AnsweringOptions> = {
  ...EXPECT_OF_SERVING,
  retryAfter: integerFrom(0),
  afterResponseTimeout: expectMilliseconds,
}

const EXPECT: Expectations<RequestOptions> = {
  ...EXPECT_OF_ANSWERING,
  filter: expectFunction,
  maxBufferedBody: (value, name) => expectNumber(value, name, 0),
}

/**
Handles each request to a server in a clone. The server's own listeners run there, with the ordinary request and
response.

@returns an undo function, which gives the server back. Clones that are serving carry on.
@throws {TypeError} if `server` is not an HTTP/1 server, or its requests have clones already.
@throws {TypeError} or {@link RangeError} if an option is unknown or invalid.
@throws {QcloneError} `ERR_QCLONE_UNSUPPORTED` where no clone can ever be made.

@example
```js
import { createServer } from 'node:http'
import { cloneRequests, isClone } from 'node-qclone'

const server = createServer((request, response) => response.end(`in a clone: ${isClone()}`))
const undo = cloneRequests(server, { filter: ({ url }) => url.startsWith('/report') })
server.listen(0, async () => {
  const response = await fetch(`http://localhost:${server.address().port}/report`)
  console.log(await response.text()) // in a clone: true
  undo()
  server.close()
})
```
*/
export function cloneRequests(server: Server, options: RequestOptions = {}): Undo {
  expectHttpServer(server)
  expectCloneable(server)
  expectEach(options, EXPECT)
  const { filter = () => true, maxBufferedBody = MAX_BUFFERED_BODY_BYTES } = options
  const by = answeringBy(options)
  const take =
    (event: string, maxBufferedBody: number): Taker =>
    (next, ...args) => {
      const [request, response] = args as [IncomingMessage, ServerResponse]
      if (!isOnConnection(request) || taken.has(request)) return next(...args)
      const chosen = !isInline() && choose(filter, request)
      if (chosen === undefined) {
        response.statusCode = 500
        response.end()
        return true
      }
      if (!chosen) return next(...args)
      taken.add(request)
      drawRequestId(server, request)
      void exchange({
        kind: 'request',
        ...by,
        name: options.name ?? nameOf(request),
        request,
        response,
        maxBufferedBody,
        mayIgnoreBody: false,
        answer: () => {
          handlers.inRequest.call(request, response)
          next(...args)
        },
        calls: server.listeners(event) as Callable[],
      })
      return true
    }
  // A client that sends `Expect` sends no body until the handler allows it.
  return shimServer(server, 'requests', {
    request: take('request', maxBufferedBody),
    checkContinue: take('checkContinue', 0),
    checkExpectation: take('checkExpectation', 0),
  })
}

/** Requests that clones answer. The clone's listener of `checkContinue` usually emits `request` for the same request. */
const taken = new WeakSet<IncomingMessage>()

/**
Whether a request came over its own connection, which a clone can inherit. Others are injected by a test, over a stream
that is not a socket (TLS over such a stream included), or come from HTTP/2, where one connection has many requests.
*/
export function isOnConnection(request: IncomingMessage): boolean {
  const { socket } = request
  if (!(socket instanceof Socket) || 'stream' in request) return false
  return socket.destroyed || descriptorOf(socket) !== undefined
}

/** Returns method and path, without the query string, which can contain secrets. */
function nameOf({ method, url = '' }: IncomingMessage): string {
  return `${method} ${url.split('?', 1)}`
}

/** Separates the clone's options from the others, which get their defaults. */
export function answeringBy(
  options: AnsweringOptions,
): Pick<Exchange, 'afterResponseTimeout' | 'options' | 'retryAfter'> {
  const { retryAfter = RETRY_AFTER_S, afterResponseTimeout = AFTER_RESPONSE_TIMEOUT_MS } = options
  return { retryAfter, afterResponseTimeout, options: servingOptionsOf(options) }
}
