import {
  type ClientRequest,
  type IncomingMessage,
  type InformationEvent,
  type OutgoingMessage,
  request as open,
  type RequestOptions,
  type ServerResponse,
} from 'node:http'
import type { Socket } from 'node:net'
import { reportError } from '../../in-clone/exit.js'
import { mostFieldsOf } from '../../node-internals/http-parsers.js'
import { setTrailers, writeInformation } from '../../node-internals/http-responses.js'
import { cut, whenClosed } from '../client-connection.js'
import { endWithError, mayHaveBody } from '../http/end-response.js'
import type { Whereabouts } from './note.js'
import type { ReaderProcess } from './reader-process.js'

/** Connection-specific fields of a request, which are not passed on: RFC 9110, section 7.6.1. */
const OF_ONE_CONNECTION = ['connection', 'keep-alive', 'proxy-connection', 'te', 'trailer', 'upgrade']

/**
In a reader: forwards a request to the parent's own server. Resolves once the client has the whole answer, or has left.
Never rejects.

@param how.isAsking whether the client waits for permission to send its body, which is then up to the parent.
@param how.changes whether the request may change data that readers read.
*/
export function forward(
  reader: ReaderProcess,
  request: IncomingMessage,
  response: ServerResponse,
  how: { isAsking: boolean; changes: boolean },
): Promise<void> {
  return new Promise((resolve) => {
    if (request.socket.destroyed) return resolve()
    whenOver(request, response, resolve)
    try {
      passOn(reader, request, response, how)
    } catch (error) {
      reportError(error)
      fail(response)
    }
  })
}

/**
Calls `act` once, when a request has been answered or its client has left. Node emits no `close` for a response that
still waits for others on its connection.
*/
export function whenOver({ socket }: IncomingMessage, response: ServerResponse, act: () => void): void {
  const settle = () => {
    cancel()
    response.off('close', settle)
    act()
  }
  let cancel = () => {}
  response.on('close', settle)
  cancel = whenClosed(socket, settle)
}

function passOn(
  reader: ReaderProcess,
  request: IncomingMessage,
  response: ServerResponse,
  { isAsking, changes }: { isAsking: boolean; changes: boolean },
): void {
  const framing = framingOf(request)
  // One connection for each request: Node closes an idle one when the next request may be on its way.
  const connection = reader.openForwarding({ ...whereaboutsOf(request), changes })
  const onward = openOrEnd(connection, {
    createConnection: () => connection,
    method: request.method,
    path: request.url,
    headers: headersOf(request, framing, isAsking) as never,
    setHost: false,
    maxHeaderSize: LONGEST_HEAD_BYTES,
    // The parent's answers are passed on as they are.
    insecureHTTPParser: true,
  })
  // Otherwise, Node would end the connection with the answer.
  onward.shouldKeepAlive = true
  // The parent's own answers have as many fields as its handlers set.
  onward.maxHeadersCount = 0
  const guarded = guardFor(response, connection)
  const exchange = { request, response, onward, connection, guarded }
  passBack(exchange)
  flowOn(exchange)
  endTogether(exchange)
  // The parent may answer before any of the body comes.
  sendHead(onward)
  expectAtMost(framing.length, request, () => connection.destroy())
  // A client that asks whether to send its body may send it without waiting for an answer.
  pipeWithTrailers(request, onward, guarded)
}

/**
Wraps a listener: an error that it throws ends one exchange, and not the reader with all its clients. A listener that
only ends the exchange needs no guard.
*/
type Guard = <A extends unknown[]>(act: (...args: A) => unknown) => (...args: A) => void

function guardFor(response: ServerResponse, connection: Socket): Guard {
  return (act) =>
    (...args) => {
      try {
        act(...args)
      } catch (error) {
        reportError(error)
        connection.destroy()
        breakOff(response)
      }
    }
}

/** Forwarded request and its answer. */
interface Exchange {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  /** The request to the parent. */
  readonly onward: ClientRequest
  /** Connection to the parent. */
  readonly connection: Socket
  readonly guarded: Guard
}

/** Passes on everything that the parent answers. */
function passBack({ response, onward, connection, guarded }: Exchange): void {
  const answered = guarded((answer: IncomingMessage) => answerWith(answer, response, guarded))
  const informed = guarded((information: InformationEvent) => passInformationOn(information, response))
  const upgraded = guarded(() => {
    fail(response)
    connection.destroy()
  })
  onward.on('response', answered)
  onward.on('information', informed)
  // The parent's handler has ended the connection, so the client's ends too.
  onward.on('error', () => breakOff(response))
  // Without a listener, Node closes the connection and emits no error. The request asked for no other protocol.
  onward.on('upgrade', upgraded)
}

/** Keeps the request flowing until the client has sent it all. */
function flowOn({ request, onward, connection, guarded }: Exchange): void {
  const drained = guarded(() => onward.emit('drain'))
  const closed = guarded(() => request.unpipe(onward).resume())
  // Node no longer emits `drain` once it has the whole answer, although the request continues.
  connection.on('drain', drained)
  // The parent has answered and reads no more, but the client still sends the rest.
  connection.on('close', closed)
}

/** Ends the connection to the parent once both the request and its answer are over, or the client has left. */
function endTogether({ request, response, onward, connection, guarded }: Exchange): void {
  const end = () => connection.destroy()
  const hasLeft = () => request.destroyed && !request.complete
  const over = guarded(() => {
    if (onward.writableFinished || hasLeft()) {
      end()
      return
    }
    // The client may have its answer before its whole request has been passed on, and the parent keeps reading.
    onward.on('finish', end)
    request.on('close', () => {
      if (hasLeft()) end()
    })
  })
  whenOver(request, response, over)
}

/**
Sends the head before any of the body. `flushHeaders` would encode it as UTF-8, and Node puts the head in front of
informational responses that still wait for the connection if the first chunk is not a string.
*/
function sendHead(message: OutgoingMessage): void {
  message.write('', 'latin1')
}

/** Passes on a body and its trailers. */
function pipeWithTrailers(from: IncomingMessage, to: OutgoingMessage, guarded: Guard): void {
  const ended = guarded(() => {
    setTrailers(to, from.rawTrailers)
    to.end()
  })
  from.pipe(to, { end: false })
  from.on('end', ended)
}

/** Passes on an informational response, as it is. */
function passInformationOn(information: InformationEvent, response: ServerResponse): void {
  if (response.headersSent || response.destroyed) return
  const { statusCode, statusMessage, rawHeaders } = information
  // Without permission for the body, Node ends the connection with the answer.
  if (statusCode === 100 && rawHeaders.length === 0) response.writeContinue()
  else writeInformation(response, { statusCode, statusMessage, rawHeaders })
}

/** Maximum length of the head of a parent's answer, which is as long as its handlers make it. */
const LONGEST_HEAD_BYTES = 1 << 26

/** Opens a request. If Node throws, ends its connection, since nothing else would. */
function openOrEnd(connection: Socket, options: RequestOptions): ClientRequest {
  try {
    return open(options)
  } catch (error) {
    connection.destroy()
    throw error
  }
}

/** Header fields that say where a body ends: RFC 9112, section 6.3. */
const FRAMING = ['content-length', 'transfer-encoding']

/** Number of fields that forwarding may add to a request: `Host`, one of {@link FRAMING}, `Connection`. */
export const FIELDS_ADDED = 3

function headersOf(request: IncomingMessage, framing: Framing, isAsking: boolean): string[] {
  const { rawHeaders, headers } = request
  const dropped = new Set([...OF_ONE_CONNECTION, ...FRAMING, ...(isAsking ? [] : ['expect'])])
  // HTTP/1.0 needs no `Host`, but the request is forwarded by HTTP/1.1.
  const host = headers.host === undefined ? ['Host', ''] : []
  // Node keeps more fields in `rawHeaders` than the server allows. The additional ones are not in `headers`.
  const fields = rawHeaders.slice(0, 2 * (mostFieldsOf(request.socket) ?? Infinity))
  // With `keep-alive`, the parent closes no connection on which a body is still on its way.
  return [...host, ...without(fields, dropped), ...framing.fields, 'Connection', 'keep-alive']
}

/** Announcement of a forwarded request's body. */
interface Framing {
  readonly fields: readonly string[]
  /** Maximum length of the body in bytes. */
  readonly length: number
}

/**
Returns how to announce a body. If there are many header fields, Node keeps only the first, but its parser uses them
all: a body may come although none of the kept fields announces it. Chunks mark the end of any body.
*/
function framingOf({ rawHeaders, headers, method = '', socket }: IncomingMessage): Framing {
  const { 'content-length': length, 'transfer-encoding': coding } = headers
  const isWhole = rawHeaders.length < 2 * (mostFieldsOf(socket) ?? 0)
  if (coding !== undefined || (length === undefined && !isWhole)) {
    const value = coding !== undefined && ENDS_IN_CHUNKS.test(coding) ? coding : 'chunked'
    return { fields: ['Transfer-Encoding', value], length: Infinity }
  }
  if (length !== undefined) return { fields: ['Content-Length', length], length: Number(length) }
  // Without a field, Node would announce a body in chunks.
  return { fields: BODILESS.includes(method) ? [] : ['Content-Length', '0'], length: 0 }
}

const ENDS_IN_CHUNKS = /(?:^|,)[ \t]*chunked[ \t]*$/i

/** Methods whose requests have no body unless they say so. */
const BODILESS = ['GET', 'HEAD', 'DELETE', 'OPTIONS', 'TRACE']

/** Calls `act` before bytes beyond the announced length are passed on: they would count as another request. */
function expectAtMost(length: number, request: IncomingMessage, act: () => void): void {
  if (length === Infinity) return
  let left = length
  request.on('data', (chunk: Uint8Array) => {
    left -= chunk.length
    if (left < 0) act()
  })
}

function answerWith(answer: IncomingMessage, response: ServerResponse, guarded: Guard): void {
  const { statusCode = 502, statusMessage = '' } = answer
  response.sendDate = false
  response.writeHead(statusCode, statusMessage, answerHeadersOf(answer, response))
  // The body may come much later.
  if (mayHaveBody(response, statusCode)) sendHead(response)
  pipeWithTrailers(answer, response, guarded)
  // `onward` emits the same error, or `close` follows.
  answer.on('error', () => {})
  answer.on('close', () => {
    if (!answer.complete) breakOff(response)
  })
}

/**
Returns the header fields with which an answer is passed on. A `Connection` field of its handler applies to the client's
connection. Those that Node sets by itself are set again by the reader's Node.
*/
function answerHeadersOf(answer: IncomingMessage, response: ServerResponse): string[] {
  const { connection, 'content-length': length, 'transfer-encoding': coding } = answer.headers
  const said = tokensOf(connection).filter((token) => token !== 'keep-alive')
  // Node sets only `chunked`, and never together with a length.
  const isByNode = coding === 'chunked' && length === undefined
  const dropped = new Set([
    'keep-alive',
    ...(isByNode ? ['transfer-encoding'] : []),
    ...(said.length === 0 ? ['connection'] : []),
    ...(mayHaveTrailers(answer, response) ? [] : ['trailer']),
  ])
  // With a `Connection` field other than `close`, Node would keep the connection.
  const ends = said.length > 0 && !said.includes('close') && !response.shouldKeepAlive
  return [...without(answer.rawHeaders, dropped), ...(ends ? ['Connection', 'close'] : [])]
}

/** Whether an answer is passed on in chunks, as it came. For any other, Node does not allow a `Trailer` field. */
function mayHaveTrailers({ headers, statusCode = 0 }: IncomingMessage, response: ServerResponse): boolean {
  const { useChunkedEncodingByDefault } = response
  const isChunked = headers['transfer-encoding'] !== undefined && useChunkedEncodingByDefault
  return isChunked && mayHaveBody(response, statusCode)
}

/** Tokens of a list (RFC 9110, section 5.6.1), in lower case. */
function tokensOf(list = ''): string[] {
  const tokens = list.split(',').map((token) => token.trim().toLowerCase())
  return tokens.filter((token) => token !== '')
}

/** Resets the connection once it is this answer's turn, so that the client cannot take the answer as complete. */
function breakOff(response: ServerResponse): void {
  if (response.destroyed || response.writableEnded) return
  if (response.socket) cut(response.socket)
  // Earlier answers on its connection are not over.
  else response.once('socket', cut)
}

/** Answers 502, or resets the connection if an answer has begun. */
function fail(response: ServerResponse): void {
  if (response.destroyed || response.writableEnded) return
  if (response.headersSent) {
    breakOff(response)
    return
  }
  endWithError(response, 502)
}

/** Returns header fields, in the form of `rawHeaders`, without those with these names. */
function without(fields: readonly string[], names: ReadonlySet<string>): string[] {
  const left: string[] = []
  for (let i = 0; i + 1 < fields.length; i += 2) {
    const [name, value] = [fields[i] as string, fields[i + 1] as string]
    if (!names.has(name.toLowerCase())) left.push(name, value)
  }
  return left
}

function whereaboutsOf({ socket }: IncomingMessage): Omit<Whereabouts, 'changes'> {
  const { remoteAddress, remotePort, remoteFamily, localAddress, localPort } = socket
  return {
    remoteAddress,
    remotePort,
    remoteFamily,
    localAddress,
    localPort,
    encrypted: 'encrypted' in socket,
  }
}
