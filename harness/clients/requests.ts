import type { Request } from './raw.js'

const HOST_LINE = 'Host: localhost'
const LINE_END = '\r\n'

/** Request without a body. */
export function read(target: string, ...lines: string[]): Request {
  return request('GET', target, lines)
}

export function request(method: string, target: string, lines: readonly string[], version = '1.1'): Request {
  return { method, bytes: head(`${method} ${target} HTTP/${version}`, [HOST_LINE, ...lines]) }
}

/** `POST` with a Content-Length. */
export function post(body: Buffer, target = '/upload', ...lines: string[]): Request {
  const first = `POST ${target} HTTP/1.1`
  const bytes = head(first, [HOST_LINE, `Content-Length: ${body.length}`, ...lines])
  return { method: 'POST', bytes: Buffer.concat([bytes, body]) }
}

/** `POST` whose body is sent after `100 Continue`. */
export function postOnDemand(body: Buffer): Request {
  const lines = [HOST_LINE, `Content-Length: ${body.length}`, 'Expect: 100-continue']
  return { method: 'POST', bytes: head('POST /upload HTTP/1.1', lines), afterContinue: body }
}

/** `POST` in chunks of `size`, with an extension on the first and a trailer. */
export function postChunks(body: Buffer, size: number): Request {
  const lines = [HOST_LINE, 'Transfer-Encoding: chunked', 'Trailer: X-End']
  const parts = [head('POST /upload HTTP/1.1', lines)]
  for (let at = 0; at < body.length; at += size) {
    const chunk = body.subarray(at, at + size)
    parts.push(Buffer.from(`${chunk.length.toString(16)}${at === 0 ? ';first=yes' : ''}${LINE_END}`))
    parts.push(chunk, Buffer.from(LINE_END))
  }
  parts.push(Buffer.from(['0', 'X-End: yes', '', ''].join(LINE_END)))
  return { method: 'POST', bytes: Buffer.concat(parts) }
}

/** Arbitrary bytes, not necessarily a valid request. */
export function bytes(text: string, method = 'GET'): Request {
  return { method, bytes: Buffer.from(text, 'latin1') }
}

export function inPieces(request: Request, piece: number): Request {
  return { ...request, piece }
}

function head(first: string, lines: readonly string[]): Buffer {
  return Buffer.from([first, ...lines, '', ''].join(LINE_END), 'latin1')
}
