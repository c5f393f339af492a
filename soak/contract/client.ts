import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { answerQuestions } from '../../harness/program.js'
import { percentile, rounded } from '../../harness/stats.js'
import { until } from '../../harness/until.js'
import { bodyOf, CONTENT_TYPE, HEADERS, PID_HEADER, STATUS_LINE, TOKEN_HEADER } from './wire.js'

const INTERVAL_MS = 100
/** A reply that takes longer counts as lost. The parent never stalls for that long. */
const REPLY_LIMIT_MS = 30_000
const SMALL_BYTES = 200
const LARGE_BYTES = 300_000
/** Larger than the buffers of a connection. */
const HUGE_BYTES = 8_000_000
/** Pause of a slow reader after each chunk. */
const PAUSE_MS = 5
const DETAILS_SHOWN = 10

export type Question = { port: number; pid: number; connections: number } | 'stop'

export interface ClientFigures {
  connections: number
  lost: number
  requests: number
  /** Replies that differed from the expected bytes. */
  wrong: number
  /** Bytes that arrived without a request. */
  foreignBytes: number
  megabytes: number
  replyMsP50: number
  replyMsP99: number
  replyMsMax: number
  details: string[]
}

/** Part that runs in its own process, with connections to the parent. */
export async function serveClient(): Promise<void> {
  let client: Client | undefined
  await answerQuestions<Question, ClientFigures>(async (question) => {
    if (question !== 'stop') {
      client = new Client(question.pid)
      await client.start(question.port, question.connections)
    } else {
      await client?.stop()
    }
    return (client as Client).figures()
  })
  client?.destroy()
}

class Client {
  readonly #pid: number
  readonly #connections: Connection[] = []
  #loops: Array<Promise<void>> = []
  readonly #notes: Notes = { requests: 0, wrong: 0, bytes: 0, times: [], details: [] }
  #stopped = false

  constructor(pid: number) {
    this.#pid = pid
  }

  async start(port: number, count: number): Promise<void> {
    for (let i = 0; i < count; i++) {
      // Of ten connections, one gets large replies and one reads huge replies slowly. Half of the huge ones are
      // written in chunks.
      const size = i % 10 === 8 ? LARGE_BYTES : i % 10 === 9 ? HUGE_BYTES : SMALL_BYTES
      const how = i % 20 === 9 ? 'pieces' : 'whole'
      const socket = connect(port, '127.0.0.1')
      await once(socket, 'connect')
      this.#connections.push(new Connection(`c${i}`, socket, { how, size, pid: this.#pid }, this.#notes))
    }
    this.#loops = this.#connections.map((connection) => connection.go(() => this.#stopped))
    await until(() => this.#notes.requests >= count, REPLY_LIMIT_MS)
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await Promise.all(this.#loops)
    // Anything else that was sent on a connection has arrived by now.
    await Promise.all(this.#connections.map((connection) => connection.end()))
  }

  destroy(): void {
    for (const connection of this.#connections) connection.destroy()
  }

  figures(): ClientFigures {
    const { requests, wrong, bytes, times, details } = this.#notes
    return {
      connections: this.#connections.length,
      lost: this.#connections.filter(({ lost }) => lost).length,
      requests,
      wrong,
      foreignBytes: this.#connections.reduce((sum, { foreignBytes }) => sum + foreignBytes, 0),
      megabytes: Math.round(bytes / 1e6),
      replyMsP50: rounded(percentile(times, 0.5)),
      replyMsP99: rounded(percentile(times, 0.99)),
      replyMsMax: rounded(percentile(times, 1)),
      details,
    }
  }
}

interface Notes {
  requests: number
  wrong: number
  bytes: number
  readonly times: number[]
  readonly details: string[]
}

/** Request of a connection, and the process that must answer it. */
interface Wish {
  readonly how: 'whole' | 'pieces'
  readonly size: number
  readonly pid: number
}

/** Connection that sends one request after another. */
class Connection {
  lost = false
  foreignBytes = 0
  readonly #name: string
  readonly #socket: Socket
  readonly #wish: Wish
  readonly #notes: Notes
  #asked = 0
  #ending = false
  #chunks: Buffer[] | undefined
  #received = 0
  #expected = Number.POSITIVE_INFINITY
  #whole: (() => void) | undefined

  constructor(name: string, socket: Socket, wish: Wish, notes: Notes) {
    this.#name = name
    this.#socket = socket
    this.#wish = wish
    this.#notes = notes
    socket.on('data', (chunk) => this.#take(chunk))
    socket.on('error', (error) => this.#lose(`error: ${error.message}`))
    for (const event of ['end', 'close'] as const) socket.on(event, () => this.#lose(event))
  }

  async go(isStopped: () => boolean): Promise<void> {
    while (!isStopped() && !this.lost) {
      const begun = performance.now()
      await this.#ask()
      const took = performance.now() - begun
      this.#notes.times.push(took)
      await delay(Math.max(0, INTERVAL_MS - took))
    }
  }

  async end(): Promise<void> {
    if (this.lost) return
    this.#ending = true
    this.#socket.end()
    if (await until(() => this.#socket.closed, REPLY_LIMIT_MS)) return
    this.#ending = false
    this.#lose('the server does not close it')
  }

  destroy(): void {
    this.#ending = true
    this.#socket.destroy()
  }

  async #ask(): Promise<void> {
    const { how, size } = this.#wish
    const token = `${this.#name}-${this.#asked++}`
    this.#chunks = []
    this.#received = 0
    this.#expected = Number.POSITIVE_INFINITY
    const whole = new Promise<void>((resolve) => {
      this.#whole = resolve
    })
    const timer = setTimeout(() => this.#lose('no complete reply'), REPLY_LIMIT_MS)
    this.#socket.write(`GET /${how}/${size}/${token} HTTP/1.1\r\nhost: a\r\n\r\n`)
    await whole
    clearTimeout(timer)
    if (this.lost) return
    const reply = Buffer.concat(this.#chunks)
    this.#chunks = undefined
    this.#notes.requests++
    this.#notes.bytes += reply.length
    const fault = this.#faultOf(reply, token)
    if (fault === undefined) return
    this.#notes.wrong++
    this.#tell(`request ${token}: ${fault}`)
  }

  #take(chunk: Buffer): void {
    if (!this.#chunks || this.#received >= this.#expected) {
      this.foreignBytes += chunk.length
      this.#tell(`foreign: ${JSON.stringify(chunk.toString('latin1', 0, 100))}`)
      return
    }
    this.#chunks.push(chunk)
    this.#received += chunk.length
    if (this.#expected === Number.POSITIVE_INFINITY) {
      const headEnd = Buffer.concat(this.#chunks).indexOf(HEAD_END)
      if (headEnd !== -1) this.#expected = headEnd + HEAD_END.length + this.#wish.size
    }
    if (this.#received >= this.#expected) {
      this.#whole?.()
    } else if (this.#wish.size === HUGE_BYTES) {
      this.#socket.pause()
      setTimeout(() => this.#socket.resume(), PAUSE_MS)
    }
  }

  /** Describes what is wrong with a reply, if anything. */
  #faultOf(reply: Buffer, token: string): string | undefined {
    const { size, pid } = this.#wish
    const headEnd = reply.indexOf(HEAD_END)
    const [statusLine, ...lines] = reply.toString('latin1', 0, headEnd).split('\r\n')
    if (statusLine !== STATUS_LINE) return `status line ${JSON.stringify(statusLine)}`
    const headers = new Map(lines.map((line) => split(line)))
    const names = [...headers.keys()].sort()
    if (names.length !== lines.length || names.join() !== HEADERS.join()) return `headers ${names.join()}`
    const must = {
      [TOKEN_HEADER]: token,
      [PID_HEADER]: String(pid),
      'content-length': String(size),
      'content-type': CONTENT_TYPE,
      connection: 'keep-alive',
    }
    for (const [name, value] of Object.entries(must)) {
      if (headers.get(name) !== value) return `${name}: ${headers.get(name)}`
    }
    if (Number.isNaN(Date.parse(headers.get('date') ?? ''))) return `date: ${headers.get('date')}`
    const body = reply.subarray(headEnd + HEAD_END.length)
    return body.equals(bodyOf(token, size)) ? undefined : `a body of ${body.length} bytes that differs`
  }

  #lose(how: string): void {
    if (this.#ending || this.lost) return
    this.lost = true
    this.#tell(`connection lost, ${how}, ${this.#received} bytes into its reply`)
    this.#socket.destroy()
    this.#whole?.()
  }

  #tell(what: string): void {
    // More of the same would add nothing.
    if (this.#notes.details.length < DETAILS_SHOWN) this.#notes.details.push(`${this.#name}: ${what}`)
  }
}

const HEAD_END = '\r\n\r\n'

function split(line: string): [string, string] {
  const colon = line.indexOf(': ')
  return [line.slice(0, colon).toLowerCase(), line.slice(colon + 2)]
}
