import { Buffer } from 'node:buffer'
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
import { cut, whenClosed } from '../client-connection.js'
import type { Whereabouts } from './note.js'
import type { ReaderProcess } from './reader-process.js'

const NOTHING = Buffer.alloc(0)

/** Header fields about one connection, which are not passed on: RFC 9110, section 7.6.1. */
const OF_ONE_CONNECTION = ['connection', 'keep-alive', 'proxy-connection', 'te', 'trailer', 'upgrade']

/**
In a reader: has the parent's own server answer a request. Resolves once the client has the whole answer, or has left.
Never rejects.

@param how.isAsking whether the client waits to be told to send its body, which is then up to the parent.
@param how.changes whether the request may change what readers read.
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
  // One connection for each request: Node closes one that rests, when the next request may be on its way.
  const connection = reader.openForwarding({ ...whereaboutsOf(request), changes })
  const onward = openOrEnd(connection, {
    createConnection: () => connection,
    method: request.method,
    path: request.url,
    headers: headersOf(request, isAsking) as never,
    setHost: false,
    maxHeaderSize: LONGEST_HEAD_BYTES,
  })
  // Or Node would end the connection with the answer.
  onward.shouldKeepAlive = true
  onward.on('response', (answer) => {
    try {
      answerWith(answer, response)
    } catch (error) {
      reportError(error)
      fail(response)
    }
  })
  // The parent's handler has ended the connection, and so the client's.
  onward.on('error', () => breakOff(response))
  onward.on('information', (information) => passInformationOn(information, response))
  onward.on('continue', () => response.writeContinue())
  // Node tells of it no longer once it has the whole answer, although the request goes on.
  connection.on('drain', () => onward.emit('drain'))
  // The parent has answered, and reads no more: the client still sends the rest.
  connection.on('close', () => request.unpipe(onward).resume())
  const end = () => connection.destroy()
  const hasLeft = () => request.destroyed && !request.complete
  whenOver(request, response, () => {
    if (onward.writableFinished || hasLeft()) {
      end()
      return
    }
    // The client may have its answer before its whole request has been passed on, and the parent reads on.
    onward.on('finish', end)
    request.on('close', () => {
      if (hasLeft()) end()
    })
  })
  // Sends the head: the parent may answer before it has any of the body. `flushHeaders` would encode it as UTF-8.
  onward.write(NOTHING)
  // A client that asks whether to send its body may send it without an answer.
  pipeWithTrailers(request, onward)
}

/** Passes a body on, and the trailers behind it. */
function pipeWithTrailers(from: IncomingMessage, to: OutgoingMessage): void {
  from.pipe(to, { end: false })
  from.on('end', () => {
    const { rawTrailers } = from
    const fields = rawTrailers.flatMap((name, i) => (i % 2 === 0 ? [[name, rawTrailers[i + 1]]] : []))
    if (fields.length > 0) to.addTrailers(fields as Array<[string, string]>)
    to.end()
  })
}

/** Passes 102 and 103 on. */
function passInformationOn({ statusCode, headers }: InformationEvent, response: ServerResponse): void {
  if (response.headersSent || response.destroyed) return
  if (statusCode === 102) response.writeProcessing()
  // Node writes one only with a link.
  else if (statusCode === 103 && headers.link)
    response.writeEarlyHints(headers as Record<string, string | string[]>)
}

/** The parent's own heads are as long as its handlers make them. */
const LONGEST_HEAD_BYTES = 1 << 26

/** Opens a request. If Node refuses to, nobody else ends its connection. */
function openOrEnd(connection: Socket, options: RequestOptions): ClientRequest {
  try {
    return open(options)
  } catch (error) {
    connection.destroy()
    throw error
  }
}

function headersOf({ rawHeaders, headers, method = '' }: IncomingMessage, isAsking: boolean): string[] {
  const dropped = new Set([...OF_ONE_CONNECTION, ...(isAsking ? [] : ['expect'])])
  const hasBody = headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined
  // Node would announce a body in chunks.
  const length = hasBody || BODILESS.includes(method) ? [] : ['Content-Length', '0']
  // The parent closes no connection on which a body is still on its way.
  // HTTP/1.0 needs none, but this goes on by HTTP/1.1.
  const host = headers.host === undefined ? ['Host', ''] : []
  return [...host, ...without(rawHeaders, dropped), ...length, 'Connection', 'keep-alive']
}

/** Methods whose requests have no body unless they say so. */
const BODILESS = ['GET', 'HEAD', 'DELETE', 'OPTIONS', 'TRACE']

const BODILESS_ANSWERS = [204, 304]

function answerWith(answer: IncomingMessage, response: ServerResponse): void {
  const { statusCode = 502, statusMessage = '', rawHeaders, headers } = answer
  response.sendDate = false
  if (headers.connection === 'close') response.shouldKeepAlive = false
  response.writeHead(
    statusCode,
    statusMessage,
    without(rawHeaders, new Set([...OF_ONE_CONNECTION, 'transfer-encoding'])),
  )
  // Sends the head: the body may come much later.
  if (response.req.method !== 'HEAD' && !BODILESS_ANSWERS.includes(statusCode)) response.write(NOTHING)
  pipeWithTrailers(answer, response)
  // Its error is that of `onward`, or comes with this.
  answer.on('error', () => {})
  answer.on('close', () => {
    if (!answer.complete) breakOff(response)
  })
}

/** Resets the connection once it is the turn of this answer, so that the client cannot take it for the whole. */
function breakOff(response: ServerResponse): void {
  if (response.destroyed || response.writableEnded) return
  if (response.socket) cut(response.socket)
  // Others on its connection are not over.
  else response.once('socket', cut)
}

/** Answers 502, or breaks off an answer that has begun. */
function fail(response: ServerResponse): void {
  if (response.destroyed || response.writableEnded) return
  if (response.headersSent) {
    breakOff(response)
    return
  }
  response.writeHead(502, { 'content-type': 'text/plain; charset=utf-8' })
  response.end('Bad Gateway\n')
}

/** Returns header fields, as in `rawHeaders`, without those of these names. */
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
