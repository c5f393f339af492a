import { connect, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { until } from '../../harness/processes.js'

/** A client that sends and takes lines. */
export class LineClient {
  readonly socket: Socket
  ended = false
  error: string | undefined
  #text = ''

  constructor(port: number, { tls = false } = {}) {
    const to = { port, host: '127.0.0.1' }
    this.socket = tls ? connectTls({ ...to, rejectUnauthorized: false }) : connect(to)
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
