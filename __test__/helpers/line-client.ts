import { connect, type OnReadOpts, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { until } from '../../harness/processes.js'

/** A client that sends and takes lines. */
export class LineClient {
  readonly socket: Socket
  ended = false
  error: string | undefined
  #text = ''

  /**
  @param options `bytewise`: read a byte at a time. A reset that arrives together with data is seen as one then: libuv takes
  it for an end if a read fills a part of its buffer (`uv__read` in `src/unix/stream.c`, up to Node 24).
  */
  constructor(port: number, { tls = false, bytewise = false } = {}) {
    const to = { port, host: '127.0.0.1' }
    if (bytewise) this.socket = connect({ ...to, onread: this.#readByte() })
    else this.socket = tls ? connectTls({ ...to, rejectUnauthorized: false }) : connect(to)
    this.socket.setEncoding('utf8')
    this.socket.on('data', (chunk: string) => {
      this.#text += chunk
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

  #readByte(): OnReadOpts {
    const callback = (_: number, byte: Uint8Array) => {
      this.#text += String.fromCharCode(byte[0] as number)
      return true
    }
    return { buffer: new Uint8Array(1), callback }
  }

  send(line: string): void {
    this.socket.write(`${line}\n`)
  }

  /** The next line that comes. */
  async line(): Promise<string> {
    await until('a line has come, or the connection has ended', () => this.#text.includes('\n') || this.ended)
    const end = this.#text.indexOf('\n')
    if (end === -1) throw new Error(`the connection ended (${this.error ?? 'in order'})`)
    const line = this.#text.slice(0, end)
    this.#text = this.#text.slice(end + 1)
    return line
  }

  async ask(line: string): Promise<string> {
    this.send(line)
    return this.line()
  }

  async askJson(value: unknown): Promise<Record<string, unknown>> {
    return JSON.parse(await this.ask(JSON.stringify(value))) as Record<string, unknown>
  }

  async closed(): Promise<void> {
    await until('the connection has ended', () => this.ended)
  }

  close(): void {
    this.socket.destroy()
  }
}
