import type { ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { inspect, types } from 'node:util'
import { reportError } from '../../in-clone/exit.js'
import { calledInClones } from '../../in-clone/precompile.js'
import { handlers } from '../../observe/handlers.js'
import { isInline } from '../../options/settings.js'
import {
  type Expectations,
  expectBoolean,
  expectEach,
  expectFunction,
  expectString,
  shown,
} from '../../options/validate.js'
import { isClone } from '../../parent/fork-point.js'
import { isError } from '../../types/is-error.js'
import { endResponse, endWithError, mayHaveBody, TEXT } from './end-response.js'
import { exchange } from './exchange.js'
import { handOver, isHandedOver, takeBack } from './hand-over.js'
import { type AnsweringOptions, answeringBy, EXPECT_OF_ANSWERING, isOnConnection } from './requests.js'

/** Options of {@link offload}. */
export interface OffloadOptions extends AnsweringOptions {
  /**
  Content type of the answer.

  @default 'text/plain; charset=utf-8', unless the response already has a content type
  */
  readonly contentType?: string

  /**
  Whether the client receives `'` and the message of an error that `f` throws, as in q. The message can contain secrets,
  such as paths and queries.

  @default false
  */
  readonly expose?: boolean
}

const EXPECT: Expectations<OffloadOptions> = {
  ...EXPECT_OF_ANSWERING,
  contentType: expectString,
  expose: expectBoolean,
}

/** JSON, or a format based on it, such as `application/problem+json`. */
const JSON_TYPE = /^[^;]*[/+]json\s*(;|$)/i

/**
Answers one request from a clone, with the value that `f` returns there. `f` can be asynchronous. Strings, bytes and
streams are sent unchanged; any other value as JSON if that is the content type, otherwise as the output of
`util.inspect`. If `f` throws, the error is printed on stderr and the client gets status 500 without the message.

Headers and the status set before the call remain. From the call on, the response belongs to the clone: a write to it in
the parent throws. In a clone and in inline mode, `f` runs in the current process.

@returns a promise that resolves when the answer is over, however it ended. It never rejects.
@throws {TypeError} if the response has begun, belongs to a clone already, is not an HTTP/1 response, or has no
connection.
@throws {TypeError} or {@link RangeError} if an option is unknown or invalid.

@example
```js
import { createServer } from 'node:http'
import { offload } from 'node-qclone'

const trades = [{ size: 100 }, { size: 250 }]
const server = createServer((request, response) => {
  void offload(response, () => trades, { contentType: 'application/json' })
}).listen(0, async () => {
  const response = await fetch(`http://localhost:${server.address().port}/`)
  console.log(await response.json()) // [ { size: 100 }, { size: 250 } ]
  server.close()
})
```
*/
export function offload(
  response: ServerResponse,
  f: () => unknown,
  options: OffloadOptions = {},
): Promise<void> {
  expectAnswerable(response)
  expectFunction(f, 'f')
  expectEach(options, EXPECT)
  const { contentType, expose = false, name = f.name } = options
  const type = contentType ?? (response.hasHeader('content-type') ? undefined : TEXT)
  if (type !== undefined) response.setHeader('content-type', type)
  if (isClone() || isInline()) return answer(response, f, expose)
  handOver(response)
  return exchange({
    kind: 'offload',
    ...answeringBy(options),
    name,
    request: response.req,
    response,
    maxBufferedBody: 0,
    mayIgnoreBody: true,
    answer: () => {
      handlers.inOffload.call(response)
      void answer(response, f, expose)
    },
    calls: [f],
  }).finally(() => takeBack(response))
}

function expectAnswerable(response: ServerResponse): void {
  if (typeof response === 'object' && response !== null && 'stream' in response) {
    throw new TypeError(
      'Expected `response` to be an HTTP/1 response: an HTTP/2 connection carries many requests, and cannot be handed to a clone. Call `run`, and send its value',
    )
  }
  const { req: request } = response ?? {}
  if (!request) throw new TypeError(`Expected \`response\` to be an HTTP response, got ${shown(response)}`)
  if (isHandedOver(response)) {
    throw new TypeError('Expected `response` to be offloaded once: a clone already answers it')
  }
  if (response.headersSent) {
    throw new TypeError('Expected `response` to have sent nothing yet: a clone cannot continue a response')
  }
  // Tools that inject requests for tests use a stand-in for the socket.
  if (!isClone() && !isInline() && !isOnConnection(request)) {
    throw new TypeError('Expected `response` to have a connection: a clone needs it to answer')
  }
}

async function answer(response: ServerResponse, f: () => unknown, expose: boolean): Promise<void> {
  try {
    const body = await f()
    if (isStream(body)) await send(body, response)
    else endResponse(response, rendered(body, String(response.getHeader('content-type'))))
  } catch (error) {
    if (hasLeft(response, error)) return
    if (response.headersSent || !expose) reportError(error)
    // The client has part of the answer and must not take it as complete.
    if (response.headersSent) response.destroy()
    else endWithError(response, STATUS_INTERNAL_ERROR, expose ? { body: `'${messageOf(error)}` } : {})
  }
}

/** Sends chunks. Nothing is sent before the first, so that a stream that fails at once is answered with an error. */
async function send(body: AsyncIterable<unknown>, response: ServerResponse): Promise<void> {
  const chunks = body[Symbol.asyncIterator]()
  const first = await chunks.next()
  if (mayHaveBody(response)) return pipeline(Readable.from(continued(first, chunks)), response)
  await chunks.return?.()
  response.flushHeaders()
  response.end()
}

async function* continued(
  first: IteratorResult<unknown>,
  chunks: AsyncIterator<unknown>,
): AsyncGenerator<unknown> {
  try {
    for (let next = first; !next.done; next = await chunks.next()) yield next.value
  } finally {
    await chunks.return?.()
  }
}

/** Whether an answer failed because its client left, which is no failure of the function that answers. */
function hasLeft({ req: { socket } }: ServerResponse, error: unknown): boolean {
  return socket.destroyed && LEFT.has((error as NodeJS.ErrnoException | undefined)?.code ?? '')
}

/** Codes of the errors that a stream to a client has when the connection is closed. */
const LEFT = new Set(['ERR_STREAM_PREMATURE_CLOSE', 'ECONNRESET', 'EPIPE'])

const STATUS_INTERNAL_ERROR = 500

function messageOf(error: unknown): string {
  return isError(error) ? error.message : inspect(error)
}

function isStream(body: unknown): body is AsyncIterable<unknown> {
  return typeof body === 'object' && body !== null && Symbol.asyncIterator in body
}

function rendered(body: unknown, contentType: string): string | Uint8Array {
  if (typeof body === 'string' || types.isUint8Array(body)) return body
  // JSON has no undefined.
  if (JSON_TYPE.test(contentType)) return JSON.stringify(body) ?? 'null'
  return inspect(body, { depth: Infinity, maxArrayLength: Infinity, maxStringLength: Infinity })
}

calledInClones(answer, isStream, rendered, send, continued, hasLeft)
