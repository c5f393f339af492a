import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Callable } from '../clone-context/ahead.js'
import { handlers } from '../handlers.js'
import { type Expect, expectServingOptions, type ServingOptions } from '../options.js'
import { isInline } from '../settings.js'
import { expectFunction, expectMilliseconds, expectNumber } from '../validate.js'
import { type Exchange, exchange } from './exchange.js'
import { drawRequestId } from './request-ids.js'
import { choose, expectCloneable, expectHttpServer, shimServer, type Taker, type Undo } from './shim.js'

/** What answers to requests by clones have in common. */
export interface AnsweringOptions extends ServingOptions {
  /**
  After how many seconds a client that was turned away, since there were too many clones or could be none, is told
  to ask again.

  @default 1
  */
  readonly retryAfter?: number

  /**
  For how many milliseconds a clone may go on after its response, with what its handler still does. Then it is
  killed.

  @default 1000
  */
  readonly linger?: number
}

/** What {@link cloneRequests} takes. */
export interface RequestOptions extends AnsweringOptions {
  /**
  Says which requests are for clones. The parent handles the others.

  @default all of them
  */
  readonly match?: (request: IncomingMessage) => boolean

  /**
  How many bytes of a request's body the parent collects before there is a clone. One whose body is no longer is
  forked for when all of it has arrived, so that a slow client holds no clone, and the connection can go on to the
  next request. The clone of a longer one reads the rest itself, and closes the connection after its response.

  @default 1048576
  */
  readonly collect?: number
}

const LINGER_MS = 1000
const RETRY_AFTER_S = 1
const COLLECT_BYTES = 1 << 20

export const EXPECT_OF_ANSWERING: Record<string, Expect> = {
  retryAfter: (value, name) => expectNumber(value, name, 0),
  linger: expectMilliseconds,
}

/**
Has each request to an HTTP server answered by a clone of this process, with the ordinary request and response, by
whatever handles the server's requests.

@returns an undo, which gives the server back. Clones that answer go on to their end.
@throws {TypeError} or {@link RangeError} when `server` is no server of HTTP/1, or is served by clones already, or on
an option that is unknown or of no use; {@link QcloneError} `ERR_QCLONE_UNSUPPORTED` where no clone can ever be made.
*/
export function cloneRequests(server: Server, options: RequestOptions = {}): Undo {
  expectHttpServer(server)
  expectCloneable()
  expectServingOptions(options, {
    ...EXPECT_OF_ANSWERING,
    match: expectFunction as Expect,
    collect: (value, name) => expectNumber(value, name, 0),
  })
  const { match = () => true, collect = COLLECT_BYTES, ...answering } = options
  const by = answeringBy(answering)
  const take =
    (event: string, collect: number): Taker =>
    (next, ...args) => {
      const [request, response] = args as [IncomingMessage, ServerResponse]
      const chosen = !isInline() && choose(match, request)
      if (chosen === undefined) {
        response.statusCode = 500
        response.end()
        return true
      }
      if (!chosen) return next(...args)
      drawRequestId(server, request)
      void exchange({
        event: 'request',
        ...by,
        name: options.name ?? nameOf(request),
        request,
        response,
        collect,
        mayIgnoreBody: false,
        answer: () => {
          handlers.inRequest.call(request, response)
          next(...args)
        },
        calls: server.listeners(event) as Callable[],
      })
      return true
    }
  // A client that waits to be told to go on sends its body when it is told, which is for whoever handles that event.
  return shimServer(server, 'requests', {
    request: take('request', collect),
    checkContinue: take('checkContinue', 0),
  })
}

/** Without what follows the path, where secrets may stand. */
function nameOf({ method, url = '' }: IncomingMessage): string {
  return `${method} ${url.split('?', 1)}`
}

/** Of options, those for the clone, and the others with their defaults. */
export function answeringBy({
  retryAfter = RETRY_AFTER_S,
  linger = LINGER_MS,
  ...options
}: AnsweringOptions): Pick<Exchange, 'linger' | 'options' | 'retryAfter'> {
  return { retryAfter, linger, options }
}
