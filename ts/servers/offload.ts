import type { ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { inspect, types } from 'node:util'
import { calledInClones } from '../clone-context/ahead.js'
import { reportError } from '../clone-context/leave.js'
import { isClone } from '../fork-point.js'
import { handlers } from '../handlers.js'
import { type Expect, expectServingOptions } from '../options.js'
import { isInline } from '../settings.js'
import { isError } from '../thrown.js'
import { expectBoolean, expectFunction, expectString, shown } from '../validate.js'
import { exchange } from './exchange.js'
import { handOver, isHandedOver, takeBack } from './hand-over.js'
import { type AnsweringOptions, answeringBy, EXPECT_OF_ANSWERING } from './requests.js'

/** How {@link offload} is called. */
export type Offload = (response: ServerResponse, f: () => unknown, contentType?: string) => Promise<void>

/** What `offload.with` takes. */
export interface OffloadOptions extends AnsweringOptions {
  /**
  Whether the client is sent the message of what `f` throws. It may hold secrets: paths, queries, addresses.

  @default false
  */
  readonly expose?: boolean
}

const TEXT = 'text/plain; charset=utf-8'
/** JSON, or a format that is written in it, such as `application/problem+json`. */
const JSON_TYPE = /^[^;]*[/+]json\s*(;|$)/i

/**
Answers one request from a clone, with the value that `f`, synchronous or not, returns there. Sends text, bytes and
streams as they are. Sends any other value as JSON if that is the content type, else as `util.inspect` shows it. When `f`
throws, the error is printed on stderr, and the client gets status 500 without its message.

Headers and status that were set before hold. From the call on the response is the clone's: to write to it in the parent
throws. In a clone, and inline, `f` is called where it is.

@param contentType default: plain text in UTF-8, unless the response has a type already.
@returns a promise that is resolved when the answer is over, however it went. It never rejects.
@throws {TypeError} when an argument is of no use, the response has begun or is a clone's already, or is none of HTTP/1
on a connection.
*/
export const offload: Offload & {
  /**
  `offload` with options.

  @throws {TypeError} or {@link RangeError} on an option that is unknown or of no use.
  */
  with(options: OffloadOptions): Offload
} = Object.assign(offloadWith({}), {
  with(options: OffloadOptions): Offload {
    expectServingOptions(options, { ...EXPECT_OF_ANSWERING, expose: expectBoolean as Expect })
    return offloadWith(options)
  },
})

function offloadWith({ expose = false, ...options }: OffloadOptions): Offload {
  const by = answeringBy(options)
  return (response, f, contentType) => {
    expectAnswerable(response)
    expectFunction(f, 'f')
    if (contentType !== undefined) expectString(contentType, 'contentType')
    const type = contentType ?? (response.hasHeader('content-type') ? undefined : TEXT)
    if (type !== undefined) response.setHeader('content-type', type)
    if (isClone() || isInline()) return answer(response, f, expose)
    handOver(response)
    return exchange({
      event: 'offload',
      ...by,
      name: options.name ?? f.name,
      request: response.req,
      response,
      collect: 0,
      mayIgnoreBody: true,
      answer: () => {
        handlers.inOffload.call(response)
        void answer(response, f, expose)
      },
      calls: [f],
    }).finally(() => takeBack(response))
  }
}

function expectAnswerable(response: ServerResponse): void {
  if (typeof response === 'object' && response !== null && 'stream' in response) {
    throw new TypeError(
      'Expected `res` to be a response of HTTP/1: a connection of HTTP/2 has many requests, and cannot be handed to a clone. Use `run`, and send its value',
    )
  }
  const { req: request } = response ?? {}
  if (!request) throw new TypeError(`Expected \`res\` to be a response of HTTP, got ${shown(response)}`)
  if (isHandedOver(response)) {
    throw new TypeError('Expected `res` to be offloaded once: a clone answers it already')
  }
  if (response.headersSent) {
    throw new TypeError('Expected `res` to have sent nothing yet: what is on its way cannot be a clone’s')
  }
  // What injects requests, for tests, has a stand-in.
  if (!isClone() && !isInline() && !(request.socket instanceof Socket)) {
    throw new TypeError('Expected `res` to be on a connection: what has none cannot be handed to a clone')
  }
}

async function answer(response: ServerResponse, f: () => unknown, expose: boolean): Promise<void> {
  try {
    const body = await f()
    if (isStream(body)) await pipeline(Readable.from(body), response)
    else response.end(rendered(body, String(response.getHeader('content-type'))))
  } catch (error) {
    if (response.headersSent || !expose) reportError(error)
    if (response.headersSent) {
      // The client has part of it, and must not take that for the whole.
      response.destroy()
      return
    }
    for (const name of response.getHeaderNames()) response.removeHeader(name)
    response.writeHead(STATUS_OF_ERROR, { 'content-type': TEXT })
    response.end(expose ? `'${messageOf(error)}` : `${response.statusMessage}\n`)
  }
}

const STATUS_OF_ERROR = 500

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

calledInClones(answer, isStream, rendered)
