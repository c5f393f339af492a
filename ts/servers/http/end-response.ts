import { type ServerResponse, STATUS_CODES } from 'node:http'
import { calledInClones } from '../../in-clone/precompile.js'

export const TEXT = 'text/plain; charset=utf-8'

/**
Ends a response with `body`, or without a body if it cannot have one: to a HEAD request, and with status 204 or 304. A
server with the option `rejectNonStandardBodyWrites` throws on such a body.
*/
export function endResponse(response: ServerResponse, body: string | Uint8Array): void {
  if (mayHaveBody(response)) return void response.end(body)
  // The length that an answer to GET would have.
  if (isToHead(response) && !hasFraming(response)) {
    response.setHeader('content-length', Buffer.byteLength(body))
  }
  response.end()
}

/** Whether a response with this status has a body by the rules of HTTP. */
export function mayHaveBody(response: ServerResponse, status = response.statusCode): boolean {
  return !isToHead(response) && status !== 204 && status !== 304
}

/**
Sends an error through a response that has not begun. Everything set for another answer is dropped.

@param body defaults to the status message.
*/
export function endWithError(
  response: ServerResponse,
  status: number,
  { body, headers = {} }: { body?: string; headers?: Record<string, string | number> } = {},
): void {
  for (const name of response.getHeaderNames()) response.removeHeader(name)
  response.statusCode = status
  response.statusMessage = STATUS_CODES[status] ?? ''
  for (const [name, value] of Object.entries({ ...headers, 'content-type': TEXT }))
    response.setHeader(name, value)
  endResponse(response, body ?? `${response.statusMessage}\n`)
}

function isToHead({ req }: ServerResponse): boolean {
  return req.method === 'HEAD'
}

function hasFraming(response: ServerResponse): boolean {
  return response.hasHeader('content-length') || response.hasHeader('transfer-encoding')
}

calledInClones(endResponse, mayHaveBody, isToHead)
