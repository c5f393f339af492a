import type { Script } from './script.js'

/** Parses what a client receives. */
export interface Reader {
  push(chunk: Buffer): void
  /**
  Called when the server has ended its side. A body that ends this way may be complete or cut; both look the same.
  */
  finish(): void
  /** Number of complete answers. */
  readonly answers: number
  /** Number of interim responses. */
  readonly interim: number
  /** Answers so far. The last may be incomplete. */
  parts(): Part[]
}

/** One answer. */
export interface Part {
  /** HTTP: status line and headers, without the date. */
  readonly head: string
  readonly body: string
  readonly isWhole: boolean
  readonly status: number
}

const LINE_FEED = 10
const HEAD_BYTES = 8
/** Statuses of Node's answers to requests that are invalid or late. */
const UNREADABLE = [400, 408, 413, 431]

export function readerFor(script: Script): Reader {
  const { speaks } = script.door
  if (speaks === undefined) return new HttpReader(script.sent.map(({ method }) => method))
  return speaks === 'kdb' ? new KdbReader() : new LineReader()
}

/** Text whose end has not arrived. */
class Pending {
  #chunks: Buffer[] = []
  #length = 0

  get length(): number {
    return this.#length
  }

  add(chunk: Buffer): void {
    this.#chunks.push(chunk)
    this.#length += chunk.length
  }

  /** Returns all of it in one piece. */
  all(): Buffer {
    if (this.#chunks.length !== 1) this.#chunks = [Buffer.concat(this.#chunks)]
    return this.#chunks[0] as Buffer
  }

  drop(count: number): void {
    const rest = this.all().subarray(count)
    this.#chunks = [rest]
    this.#length = rest.length
  }
}

class LineReader implements Reader {
  readonly interim = 0
  readonly #parts: Part[] = []
  readonly #pending = new Pending()

  get answers(): number {
    return this.#parts.length
  }

  push(chunk: Buffer): void {
    this.#pending.add(chunk)
    if (!chunk.includes(LINE_FEED)) return
    const bytes = this.#pending.all()
    let from = 0
    for (let end = bytes.indexOf(LINE_FEED); end !== -1; end = bytes.indexOf(LINE_FEED, from)) {
      this.#parts.push(partOf(bytes.toString('latin1', from, end + 1), true))
      from = end + 1
    }
    this.#pending.drop(from)
  }

  finish(): void {}

  parts(): Part[] {
    const rest = this.#pending.length > 0 ? [partOf(this.#pending.all().toString('latin1'), false)] : []
    return [...this.#parts, ...rest]
  }
}

class KdbReader implements Reader {
  readonly interim = 0
  readonly #parts: Part[] = []
  readonly #pending = new Pending()
  #missing = 1

  get answers(): number {
    return this.#parts.length
  }

  push(chunk: Buffer): void {
    this.#pending.add(chunk)
    while (this.#pending.length >= this.#missing) {
      const bytes = this.#pending.all()
      // The first byte answers the greeting.
      const length = this.#parts.length === 0 ? 1 : lengthOf(bytes)
      if (bytes.length < length) {
        this.#missing = length
        return
      }
      this.#parts.push(partOf(bytes.toString('latin1', 0, length), true))
      this.#pending.drop(length)
      this.#missing = HEAD_BYTES
    }
  }

  finish(): void {}

  parts(): Part[] {
    const rest = this.#pending.length > 0 ? [partOf(this.#pending.all().toString('latin1'), false)] : []
    return [...this.#parts, ...rest]
  }
}

function lengthOf(bytes: Buffer): number {
  return Math.max(HEAD_BYTES, bytes[0] === 0 ? bytes.readUInt32BE(4) : bytes.readUInt32LE(4))
}

function partOf(body: string, isWhole: boolean): Part {
  return { head: '', body, isWhole, status: 0 }
}

/** State of a response whose body is being read. */
interface Body {
  readonly head: string
  readonly status: number
  readonly way: 'length' | 'chunked' | 'close'
  /** Remaining bytes of the body or chunk. */
  left: number
  state: 'size' | 'data' | 'end' | 'trailer'
  readonly texts: string[]
}

class HttpReader implements Reader {
  interim = 0
  readonly #methods: readonly string[]
  readonly #parts: Part[] = []
  readonly #pending = new Pending()
  #answers = 0
  #body: Body | undefined
  #interim: string[] = []
  #isBroken = false

  constructor(methods: readonly string[]) {
    this.#methods = methods
  }

  get answers(): number {
    return this.#answers
  }

  push(chunk: Buffer): void {
    this.#pending.add(chunk)
    while (!this.#isBroken && (this.#body ? this.#takeBody(this.#body) : this.#takeHead())) {
      // Continues with the next answer.
    }
  }

  finish(): void {
    const body = this.#body
    if (body?.way === 'close') this.#answers++
  }

  parts(): Part[] {
    const body = this.#body
    const rest = this.#pending.length > 0 ? this.#pending.all().toString('latin1') : ''
    const left: Part[] = body
      ? [{ head: body.head, body: body.texts.join('') + rest, isWhole: false, status: body.status }]
      : rest === '' && this.#interim.length === 0
        ? []
        : [{ head: this.#interim.join(''), body: rest, isWhole: false, status: 0 }]
    return [...this.#parts, ...left]
  }

  #takeHead(): boolean {
    if (this.#pending.length === 0) return false
    const bytes = this.#pending.all()
    const end = bytes.indexOf('\r\n\r\n')
    if (end === -1) return false
    const text = bytes.toString('latin1', 0, end + 2)
    const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(text)?.[1] ?? Number.NaN)
    if (Number.isNaN(status)) {
      this.#isBroken = true
      return false
    }
    this.#pending.drop(end + 4)
    if (status < 200) {
      this.interim++
      this.#interim.push(text)
      return true
    }
    const headers = text.replace(/^date: .*\r\n/im, '')
    // A body of a wrong length can swallow requests, so that answers do not come one for each.
    const index = /^x-token: <[^>]*\.([0-9a-z]+)>\r$/im.exec(text)?.[1]
    const method = this.#methods[index === undefined ? this.#answers : Number.parseInt(index, 36)]
    const length = Number(/^content-length: (\d+)\r$/im.exec(text)?.[1] ?? Number.NaN)
    // Node's own answers to invalid requests have neither a length nor a body.
    const isOfNode = UNREADABLE.includes(status) && !text.includes('x-token')
    const isEmpty = method === 'HEAD' || status === 204 || status === 304 || isOfNode
    const isChunked = /^transfer-encoding: chunked\r$/im.test(text)
    const body: Body = {
      head: this.#interim.join('') + headers,
      status,
      way: isEmpty ? 'length' : isChunked ? 'chunked' : Number.isNaN(length) ? 'close' : 'length',
      left: isEmpty || Number.isNaN(length) ? 0 : length,
      state: 'size',
      texts: [],
    }
    this.#interim = []
    this.#body = body
    if (body.way === 'length' && body.left === 0) this.#done(body)
    return true
  }

  #done(body: Body): void {
    this.#body = undefined
    this.#answers++
    this.#parts.push({ head: body.head, body: body.texts.join(''), isWhole: true, status: body.status })
  }

  #takeBody(body: Body): boolean {
    if (this.#pending.length === 0) return false
    if (body.way === 'close') {
      this.#give(body, this.#pending.length)
      return false
    }
    if (body.way === 'length') {
      body.left -= this.#give(body, Math.min(body.left, this.#pending.length))
      if (body.left === 0) this.#done(body)
      return true
    }
    if (body.state === 'data') {
      body.left -= this.#give(body, Math.min(body.left, this.#pending.length))
      if (body.left === 0) body.state = 'end'
      return true
    }
    const line = this.#takeLine()
    if (line === undefined) return false
    if (body.state === 'end') body.state = 'size'
    else if (body.state === 'size') {
      body.left = Number.parseInt(line, 16)
      body.state = body.left === 0 ? 'trailer' : 'data'
      if (Number.isNaN(body.left)) this.#isBroken = true
    } else if (line !== '') body.texts.push(`\n${line}`)
    else this.#done(body)
    return true
  }

  #give(body: Body, count: number): number {
    body.texts.push(this.#pending.all().toString('latin1', 0, count))
    this.#pending.drop(count)
    return count
  }

  #takeLine(): string | undefined {
    const bytes = this.#pending.all()
    const end = bytes.indexOf('\r\n')
    if (end === -1) return undefined
    const line = bytes.toString('latin1', 0, end)
    this.#pending.drop(end + 2)
    return line
  }
}
