import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { type ConnectionOptions, connect as connectTls } from 'node:tls'
import { until } from '../../harness/processes.js'

/** A response, as its bytes say. */
export interface RawResponse {
  status: number
  headers: Record<string, string>
  body: string
}

/** A client of HTTP/1 that sends what it is told, and takes apart what comes. */
export class RawClient {
  readonly socket: Socket
  /** Whether the server has closed the connection, in order or not. */
  ended = false
  error: string | undefined
  #received = ''

  /** @param to a port of this machine, or a connection. */
  constructor(to: number | Socket, tls?: ConnectionOptions) {
    if (typeof to !== 'number') this.socket = to
    else this.socket = tls ? connectTls({ ...tls, port: to, host: '127.0.0.1' }) : connect(to, '127.0.0.1')
    this.socket.setEncoding('latin1')
    this.socket.on('data', (chunk: string) => {
      this.#received += chunk
    })
    this.socket.on('error', (error: NodeJS.ErrnoException) => {
      this.error = error.code ?? error.message
    })
    for (const event of ['end', 'close']) {
      this.socket.on(event, () => {
        this.ended = true
      })
    }
  }

  /** What has come and is no whole response yet. */
  get rest(): string {
    return this.#received
  }

  send(text: string): void {
    this.socket.write(text, 'latin1')
  }

  get(path: string, headers = '', version = '1.1'): void {
    this.send(`GET ${path} HTTP/${version}\r\nhost: a\r\n${headers}\r\n`)
  }

  async ask(path: string, headers = ''): Promise<RawResponse> {
    this.get(path, headers)
    return this.response()
  }

  /** The next response, once it is whole. */
  async response({ head = false } = {}): Promise<RawResponse> {
    let taken: { response: RawResponse; length: number } | undefined
    await until('a response is whole', () => {
      taken = takeResponse(this.#received, this.ended, head)
      return taken !== undefined || this.ended
    })
    if (!taken)
      throw new Error(`the connection ended (${this.error ?? 'in order'}): ${this.#received.slice(0, 200)}`)
    this.#received = this.#received.slice(taken.length)
    return taken.response
  }

  async closed(): Promise<void> {
    if (!this.socket.closed) await once(this.socket, 'close').catch(() => {})
  }

  close(): void {
    this.socket.destroy()
  }
}

function takeResponse(
  text: string,
  ended: boolean,
  noBody: boolean,
): { response: RawResponse; length: number } | undefined {
  const headEnd = text.indexOf('\r\n\r\n')
  if (headEnd === -1) return undefined
  const [statusLine = '', ...lines] = text.slice(0, headEnd).split('\r\n')
  const headers = Object.fromEntries(
    lines.map((line) => {
      const colon = line.indexOf(':')
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()]
    }),
  )
  const status = Number(statusLine.split(' ')[1])
  const begin = headEnd + 4
  const whole = (body: string, length: number) => ({
    response: { status, headers, body },
    length: begin + length,
  })
  if (noBody || status < 200 || status === 204 || status === 304) return whole('', 0)
  const rest = text.slice(begin)
  if (headers['transfer-encoding'] === 'chunked') return takeChunked(rest, whole)
  if (headers['content-length'] !== undefined) {
    const length = Number(headers['content-length'])
    return rest.length >= length ? whole(rest.slice(0, length), length) : undefined
  }
  return ended ? whole(rest, rest.length) : undefined
}

function takeChunked<T>(text: string, whole: (body: string, length: number) => T): T | undefined {
  let body = ''
  let at = 0
  for (;;) {
    const lineEnd = text.indexOf('\r\n', at)
    if (lineEnd === -1) return undefined
    const length = Number.parseInt(text.slice(at, lineEnd), 16)
    const next = lineEnd + 2 + length + 2
    if (text.length < next) return undefined
    if (length === 0) return whole(body, next)
    body += text.slice(lineEnd + 2, next - 2)
    at = next
  }
}
