import type { Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import type { Query } from 'node-qclone'
import { kdb, request } from 'node-qclone/kdb'
import { open } from '../../harness/clients/raw.js'
import type { Source } from '../../harness/clients/source.js'
import type { Asked } from '../../harness/owned-answers.js'
import {
  type Client,
  inTime,
  lifetime,
  onConnection,
  pause,
  pieces,
  question,
  type Scope,
} from './clients.js'
import type { Answered } from './state.js'
import { Trail } from './tally.js'

/** Client side of a codec. */
export interface Language {
  readonly name: string
  /** Sends the greeting and reads its answer. */
  greet(socket: Socket, source: Source): Promise<void>
  query(asked: Asked): Buffer
  update(value: readonly unknown[]): Buffer
  /** Reads a reply; undefined if the connection ends. */
  reply(source: Source): Promise<Answered | undefined>
}

export const NDJSON: Language = {
  name: 'ndjson',
  async greet() {},
  query: (asked) => Buffer.from(`${JSON.stringify({ query: asked, id: asked.nonce })}\n`),
  update: (update) => Buffer.from(`${JSON.stringify({ update })}\n`),
  async reply(source) {
    const line = await source.until('\n')
    if (!line) return undefined
    const { id, result, error } = JSON.parse(line.toString()) as {
      id: number
      result?: Answered
      error?: unknown
    }
    if (!result) throw new Error(`error ${JSON.stringify(error)}`)
    if (id !== result.nonce) throw new Error(`the reply to ${id} answers ${result.nonce}`)
    return result
  },
}

const ASYNC = 0
const SYNC = 1
const KIND_AT = 1
const LENGTH_AT = 4
const HEAD_BYTES = 8
const GREETING = Buffer.from('user:password\x03\0')
const codec = kdb()
const ANY_QUERY: Query = { kind: 'query', value: '' }

export const KDB: Language = {
  name: 'kdb',
  async greet(socket, source) {
    socket.write(GREETING)
    await take(source, 1)
  },
  query: (asked) => encoded(JSON.stringify(asked), SYNC),
  update: (update) => encoded(JSON.stringify(update), ASYNC),
  async reply(source) {
    const head = await take(source, HEAD_BYTES)
    if (!head) return undefined
    const body = await take(source, head.readUInt32LE(LENGTH_AT) - HEAD_BYTES)
    if (!body) return undefined
    const message = Buffer.concat([head, body])
    // Decoded like a query.
    message[KIND_AT] = SYNC
    const [decoded] = opened().receive(message) as [Query]
    return JSON.parse(String(decoded.value)) as Answered
  },
}

/** Conversation with an accepted client. */
function opened() {
  const conversation = codec.open()
  conversation.receive(GREETING)
  return conversation
}

function encoded(value: string, kind: number): Buffer {
  const message = Buffer.from(opened().reply(ANY_QUERY, value))
  message[KIND_AT] = kind
  return message
}

async function take(source: Source, count: number): Promise<Buffer | undefined> {
  const taken: Buffer[] = []
  for await (const piece of source.pieces(count)) taken.push(piece)
  const bytes = Buffer.concat(taken)
  return bytes.length === count ? bytes : undefined
}

const MOST_AT_ONCE = 6
const MOST_PIECE_PAUSE_MS = 3
const MOST_SLOW_PIECES = 20

/** Client that stays connected over many generations, and sends queries and messages that expect no reply. */
export async function talk(of: Client, port: number, language: Language, scope: Scope): Promise<void> {
  const { random, kind } = of
  const { tally } = scope
  for (let index = 0; scope.going(); index++) {
    const lives = lifetime(of, scope)
    const client = onConnection(of, index)
    const { id } = client
    let nonce = 0
    const { socket, source } = await open({ scheme: 'http', port })
    const trail = new Trail(kind, tally)
    try {
      await inTime(language.greet(socket, source), id)
      do {
        const asked = Array.from({ length: 1 + random.below(MOST_AT_ONCE) }, () => question(client, nonce++))
        const writes = random.oneIn(8)
        // Sent before the queries of this turn.
        const update = writes ? language.update([id, nonce, random.below(1000)]) : Buffer.alloc(0)
        if (writes) {
          tally.noteSent(id)
          trail.wrote()
        }
        const sentAt = Date.now()
        const read = async () => {
          for (const one of asked) {
            const answered = await language.reply(source)
            if (!answered) throw new Error(`no reply: ${source.ending}`)
            trail.judge(one, answered, sentAt)
          }
        }
        const bytes = Buffer.concat([update, ...asked.map((one) => language.query(one))])
        await Promise.all([send(client, socket, bytes), inTime(read(), `${id}.${asked[0]?.nonce}`)])
        await pause(random)
      } while (lives())
    } catch (error) {
      tally.fail(kind, error)
    } finally {
      socket.destroy()
      tally.closed.push(id)
    }
  }
}

async function send({ random }: Client, socket: Socket, bytes: Buffer): Promise<void> {
  const cut = pieces(random, bytes)
  for (const piece of cut) {
    if (!socket.writable) return
    socket.write(piece)
    // Pauses between many pieces would exceed the time that a draining reader waits.
    if (cut.length < MOST_SLOW_PIECES) await delay(random.below(MOST_PIECE_PAUSE_MS))
  }
}

/** kdb+ client that connects for each query. */
export async function requestOnce(client: Client, port: number, { tally, going }: Scope): Promise<void> {
  for (let nonce = 0; going(); nonce++) {
    const asked = question(client, nonce)
    const trail = new Trail(client.kind, tally)
    const sentAt = Date.now()
    try {
      const answer = await inTime(
        request(`:127.0.0.1:${port}:user:password`, JSON.stringify(asked)),
        `${client.id}.${nonce}`,
      )
      trail.judge(asked, JSON.parse(String(answer)) as Answered, sentAt)
    } catch (error) {
      tally.fail(client.kind, error)
    }
    await pause(client.random)
  }
}
