import { connect, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import type { Asked } from '../../harness/owned-answers.js'
import type { Answered, Tally } from './expect.js'

const VANISHING = 0.02
/** Number of questions in one session. */
const QUESTIONS_OF_SESSION = 20
const PAUSE_MS = 20

interface Reply {
  id: number
  result?: Answered
  error?: { code?: string; message: string }
}

/** Line-based connection. */
class Lines {
  readonly socket: Socket
  #text = ''
  #waiting: ((line: string | undefined) => void) | undefined
  #closed = false

  constructor(port: number) {
    this.socket = connect(port, '127.0.0.1')
    this.socket.setEncoding('utf8')
    this.socket.on('data', (chunk: string) => {
      this.#text += chunk
      this.#deliver()
    })
    this.socket.on('error', () => {})
    for (const event of ['end', 'close']) {
      this.socket.on(event, () => {
        this.#closed = true
        this.#deliver()
      })
    }
  }

  /** Returns the reply to a question, or `undefined` if the connection breaks first. */
  async ask(asked: Asked): Promise<Reply | undefined> {
    this.socket.write(`${JSON.stringify({ query: asked, id: asked.nonce })}\n`)
    const line = await new Promise<string | undefined>((resolve) => {
      this.#waiting = resolve
      this.#deliver()
    })
    return line === undefined ? undefined : (JSON.parse(line) as Reply)
  }

  #deliver(): void {
    const end = this.#text.indexOf('\n')
    if (!this.#waiting || (end === -1 && !this.#closed)) return
    const waiting = this.#waiting
    this.#waiting = undefined
    if (end === -1) {
      waiting(undefined)
      return
    }
    const line = this.#text.slice(0, end)
    this.#text = this.#text.slice(end + 1)
    waiting(line)
  }
}

/** Client that sends query after query, and reconnects when necessary. */
export async function askByQueries(
  port: number,
  id: string,
  going: () => boolean,
  tally: Tally,
): Promise<void> {
  let nonce = 0
  while (going()) {
    const lines = new Lines(port)
    let seen = 0
    while (going()) {
      const answered = await askOne(lines, tally.question(id, nonce++), 'query', tally)
      if (answered === 'broken') break
      if (answered === 'error') continue
      // Updates must never be lost.
      if (answered.updates < seen) tally.wrong.push(`query ${id}: ${answered.updates} updates after ${seen}`)
      seen = answered.updates
    }
    lines.socket.destroy()
  }
}

/** Client that asks some questions per session, and reconnects. */
export async function stayInSession(
  port: number,
  id: string,
  going: () => boolean,
  tally: Tally,
): Promise<void> {
  let nonce = 0
  while (going()) {
    const lines = new Lines(port)
    let first: Answered | undefined
    for (let i = 0; i < QUESTIONS_OF_SESSION && going(); i++) {
      const answered = await askOne(lines, tally.question(id, nonce++), 'session', tally)
      if (answered === 'broken') break
      if (answered === 'error') continue
      first ??= answered
      if (first.pid !== answered.pid || first.updates !== answered.updates) {
        tally.wrong.push(
          `session ${id}: ${JSON.stringify({ ...answered, padding: '' })} is of another snapshot`,
        )
      }
      await delay(PAUSE_MS)
    }
    lines.socket.destroy()
    tally.count('sessions')
    // A client that was refused does not return immediately.
    await delay(PAUSE_MS)
  }
}

async function askOne(
  lines: Lines,
  asked: Asked,
  kind: string,
  tally: Tally,
): Promise<Answered | 'broken' | 'error'> {
  if (tally.draw() < VANISHING) setTimeout(() => lines.socket.destroy(), tally.draw() * 20)
  const reply = await lines.ask(asked)
  if (reply === undefined) {
    tally.count(`${kind}: connection broken`)
    return 'broken'
  }
  if (reply.id !== asked.nonce) tally.wrong.push(`${kind} ${asked.id}: reply ${reply.id} to ${asked.nonce}`)
  if (reply.error) {
    tally.count(`${kind}: ${reply.error.code ?? reply.error.message}`)
    return 'error'
  }
  tally.judge(kind, asked, reply.result as Answered)
  return reply.result as Answered
}
