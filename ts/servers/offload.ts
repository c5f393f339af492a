import type { ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { inspect, types } from 'node:util'
import { calledInClones } from '../clone-context/ahead.js'
import { reportError } from '../clone-context/leave.js'
import { isClone } from '../fork-point.js'
import { handlers } from '../handlers.js'
import { expectServingOptions } from '../options.js'
import { isInline } from '../settings.js'
import { expectFunction, expectString, shown } from '../validate.js'
import { exchange } from './exchange.js'
import { type AnsweringOptions, answeringBy, EXPECT_OF_ANSWERING } from './requests.js'

/** How {@link offload} is called. */
export type Offload = (response: ServerResponse, f: () => unknown, contentType?: string) => Promise<void>

const TEXT = 'text/plain; charset=utf-8'

/**
Answers one request from a clone: with what `f`, synchronous or not, gives there. Text, bytes and streams are sent as
they are, anything else as `util.inspect` shows it. When `f` throws, the client gets the message after a `'`, with
status 500.

What of the response was set before, such as headers and status, holds. In a clone, and inline, `f` is called where
it is.

@param contentType default: plain text in UTF-8, unless the response has a type already.
@returns a promise that is resolved when the answer is over, however it went. It never rejects.
@throws {TypeError} when an argument is of no use, or the response has begun.
*/
export const offload: Offload & {
  /**
  `offload` with options.

  @throws {TypeError} or {@link RangeError} on an option that is unknown or of no use.
  */
  with(options: AnsweringOptions): Offload
} = Object.assign(offloadWith({}), {
  with(options: AnsweringOptions): Offload {
    expectServingOptions(options, EXPECT_OF_ANSWERING)
    return offloadWith(options)
  },
})

function offloadWith(options: AnsweringOptions): Offload {
  const by = answeringBy(options)
  return (response, f, contentType) => {
    const { req: request } = response ?? {}
    if (!request) throw new TypeError(`Expected \`res\` to be a response of HTTP, got ${shown(response)}`)
    expectFunction(f, 'f')
    if (contentType !== undefined) expectString(contentType, 'contentType')
    if (response.headersSent) {
      throw new TypeError('Expected `res` to have sent nothing yet: what is on its way cannot be a clone’s')
    }
    const type = contentType ?? (response.hasHeader('content-type') ? undefined : TEXT)
    if (type !== undefined) response.setHeader('content-type', type)
    if (isClone() || isInline()) return answer(response, f)
    return exchange({
      event: 'offload',
      ...by,
      name: options.name ?? f.name,
      request,
      response,
      collect: 0,
      answer: () => {
        handlers.inOffload.call(response)
        void answer(response, f)
      },
      calls: [f],
    })
  }
}

async function answer(response: ServerResponse, f: () => unknown): Promise<void> {
  try {
    const body = await f()
    if (isStream(body)) await pipeline(Readable.from(body), response)
    else response.end(rendered(body))
  } catch (error) {
    if (response.headersSent) {
      // The client has part of it, and is not to take that for the whole.
      reportError(error)
      response.destroy()
      return
    }
    for (const name of response.getHeaderNames()) response.removeHeader(name)
    response.writeHead(STATUS_OF_ERROR, { 'content-type': TEXT })
    response.end(`'${error instanceof Error ? error.message : inspect(error)}`)
  }
}

const STATUS_OF_ERROR = 500

function isStream(body: unknown): body is AsyncIterable<unknown> {
  return typeof body === 'object' && body !== null && Symbol.asyncIterator in body
}

function rendered(body: unknown): string | Uint8Array {
  if (typeof body === 'string' || types.isUint8Array(body)) return body
  return inspect(body, { depth: Infinity, maxArrayLength: Infinity, maxStringLength: Infinity })
}

calledInClones(answer, isStream, rendered)
