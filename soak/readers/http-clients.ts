import { Agent, request as openRequest } from 'node:http'
import type { Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { setTimeout as delay } from 'node:timers/promises'
import autocannon from 'autocannon'
import { open } from '../../harness/clients/raw.js'
import { type Reply, readReply } from '../../harness/clients/reply.js'
import type { Target } from '../../harness/clients/target.js'
import { type Asked, faultIn } from '../../harness/owned-answers.js'
import {
  type Client,
  inTime,
  lifetime,
  onConnection,
  PATIENCE_MS,
  pause,
  pieces,
  question,
  type Scope,
} from './clients.js'
import type { Answered } from './state.js'
import { type Tally, Trail } from './tally.js'

type Method = 'GET' | 'POST' | 'HEAD'

/** Request in progress. */
interface Sent {
  readonly asked: Asked
  readonly method: Method
  readonly body: Buffer
  at: number
}

const MOST_PIPELINED = 12
const MOST_BODY_BYTES = 100_000
const MOST_PIECE_PAUSE_MS = 3
const MOST_SLOW_PIECES = 20
const CANNON_CONNECTIONS = 4
const CANNON_MOST_PAUSE_MS = 3000
const AT_ONCE_THROUGH_NGINX = 2

/** Client whose connections carry one request each. */
export async function askOnce(client: Client, port: number, { tally, going }: Scope): Promise<void> {
  for (let index = 0; going(); index++) {
    const { exchange, close } = await connectTo(client, index, port, tally)
    try {
      await exchange(1, client.random.oneIn(2) ? 'Connection: close\r\n' : undefined)
    } catch (error) {
      tally.fail(client.kind, error)
    } finally {
      close()
    }
    await pause(client.random)
  }
}

/** Client that keeps its connection for a while, and sends `most` requests before it waits for their answers. */
export async function askOften(
  client: Client,
  port: number,
  scope: Scope,
  most = MOST_PIPELINED,
): Promise<void> {
  const { random } = client
  const { tally, going } = scope
  for (let index = 0; going(); index++) {
    const lives = lifetime(client, scope)
    const { exchange, close } = await connectTo(client, index, port, tally)
    try {
      do {
        await exchange(1 + random.below(most))
        await pause(random)
      } while (lives())
    } catch (error) {
      tally.fail(client.kind, error)
    } finally {
      close()
    }
  }
}

/** Creates a random request. Most are reads. */
function draw(client: Client, nonce: number): Sent {
  const { random } = client
  const method = random.oneIn(6) ? (random.oneIn(3) ? 'HEAD' : 'POST') : 'GET'
  const length = method === 'POST' ? Math.floor((random.uint32() / 2 ** 32) ** 4 * MOST_BODY_BYTES) : 0
  return { asked: question(client, nonce), method, body: Buffer.alloc(length, 'b'), at: 0 }
}

/** @returns functions that send a number of requests and wait for the answers, and that close the connection. */
async function connectTo(of: Client, index: number, port: number, tally: Tally) {
  const client = onConnection(of, index)
  const { socket, source } = await open({ scheme: 'http', port })
  const trail = new Trail(client.kind, tally)
  let nonce = 0
  const exchange = async (count: number, headers = '') => {
    const sent = Array.from({ length: count }, () => draw(client, nonce++))
    const read = async () => {
      for (const one of sent) {
        const reply = await readReply(source, one.method)
        if (!reply?.whole)
          throw new Error(`${one.method} got ${reply ? 'a part' : 'nothing'}: ${source.ending}`)
        take(client, trail, tally, one, reply)
      }
    }
    await Promise.all([
      send(client, socket, tally, sent, headers),
      inTime(read(), `${client.id}.${sent[0]?.asked.nonce}`),
    ])
    // Node handles pipelined requests concurrently, so requests after a POST need not see its effect.
    for (const { method } of sent) if (method === 'POST') trail.wrote()
  }
  const close = () => {
    socket.destroy()
    tally.closed.push(client.id)
  }
  return { exchange, close }
}

async function send(
  client: Client,
  socket: Socket,
  tally: Tally,
  all: readonly Sent[],
  headers: string,
): Promise<void> {
  const bytes = all.map((sent) => {
    if (sent.method === 'POST') tally.noteSent(client.id)
    return bytesOf(client, sent, headers)
  })
  for (const sent of all) sent.at = Date.now()
  const cut = pieces(client.random, Buffer.concat(bytes))
  for (const piece of cut) {
    if (!socket.writable) return
    socket.write(piece)
    // Pauses between many pieces would exceed the time that a draining reader waits.
    if (cut.length < MOST_SLOW_PIECES) await delay(client.random.below(MOST_PIECE_PAUSE_MS))
  }
}

function bytesOf({ random }: Client, { asked, method, body }: Sent, headers: string): Buffer {
  const line = `${method} ${pathOf(asked)} HTTP/1.1\r\nHost: a\r\n${headers}`
  if (method !== 'POST') return Buffer.from(`${line}\r\n`)
  if (body.length > 0 && random.oneIn(2)) {
    const size = body.length.toString(16)
    return Buffer.concat([
      Buffer.from(`${line}Transfer-Encoding: chunked\r\n\r\n${size}\r\n`),
      body,
      Buffer.from('\r\n0\r\n\r\n'),
    ])
  }
  return Buffer.concat([Buffer.from(`${line}Content-Length: ${body.length}\r\n\r\n`), body])
}

function pathOf(asked: Asked): string {
  return `/?asked=${encodeURIComponent(JSON.stringify(asked))}`
}

function take(
  client: Client,
  trail: Trail,
  tally: Tally,
  { asked, method, body, at }: Sent,
  reply: Reply,
): void {
  if (reply.status !== 200) {
    tally.wrong.push(
      `${client.kind} ${client.id}: status ${reply.status}, ${reply.body.toString().slice(0, 100)}`,
    )
    return
  }
  if (method === 'HEAD') {
    tally.count(`${client.kind}, HEAD`)
    return
  }
  takeAnswer(client, trail, tally, { asked, method, body, at }, reply.body.toString())
}

function takeAnswer(
  client: Client,
  trail: Trail,
  tally: Tally,
  { asked, method, body, at }: Sent,
  text: string,
): void {
  const answered = JSON.parse(text) as Answered & { received: number }
  if (method === 'POST') {
    tally.noteAcknowledged(client.id)
    if (answered.isReader) tally.wrong.push(`${client.kind} ${client.id}: a reader has changed the data`)
  }
  if (answered.received !== body.length) {
    tally.wrong.push(
      `${client.kind} ${client.id}: ${answered.received} bytes of ${body.length} were received`,
    )
  }
  trail.judge(asked, answered, at)
}

/** Runs bursts of autocannon, with and without pipelining. The question is the same within a burst. */
export async function shoot(client: Client, port: number, { tally, going }: Scope): Promise<void> {
  const { kind, random } = client
  for (let burst = 0; going(); burst++) {
    const asked = question(client, burst)
    let connects = 0
    const result = await autocannon({
      url: `http://127.0.0.1:${port}${pathOf(asked)}`,
      connections: CANNON_CONNECTIONS,
      pipelining: 1 + random.below(MOST_PIPELINED),
      duration: 1,
      timeout: PATIENCE_MS / 1000,
      verifyBody: (body) => {
        const fault = faultIn(asked, JSON.parse(String(body)) as Answered)
        if (fault !== undefined) tally.wrong.push(`${kind}: ${fault}`)
        return fault === undefined
      },
      setupClient: (client) => {
        // autocannon reconnects silently.
        const inner = client as unknown as { _connect: () => void }
        const connect = inner._connect
        inner._connect = () => {
          connects++
          connect.call(inner)
        }
      },
    })
    tally.right[kind] = (tally.right[kind] ?? 0) + result['2xx'] - result.mismatches
    tally.connections += connects
    for (let i = CANNON_CONNECTIONS; i < connects; i++) tally.fail(kind, new Error('connection ended'))
    if (result.timeouts > 0) tally.wrong.push(`${kind}: ${result.timeouts} timeouts`)
    if (result.non2xx > 0) tally.wrong.push(`${kind}: ${result.non2xx} other statuses`)
    await delay(random.below(CANNON_MOST_PAUSE_MS))
  }
}

/** Client behind nginx. The connection of a request is unknown, so answers need not be consistent with each other. */
export async function askThroughNginx(of: Client, target: Target, { tally, going }: Scope): Promise<void> {
  const { random } = of
  const agent = new Agent({ keepAlive: true, maxSockets: AT_ONCE_THROUGH_NGINX })
  for (let nonce = 0; going(); nonce++) {
    const client = onConnection(of, nonce)
    const { asked, method, body } = draw(client, nonce)
    // nginx does not keep the length in a response to HEAD.
    const sent: Sent = { asked, method: method === 'HEAD' ? 'GET' : method, body, at: Date.now() }
    if (sent.method === 'POST') tally.noteSent(client.id)
    try {
      const { status, answer } = await inTime(askAgent(agent, target, sent), `${client.id}.${nonce}`)
      if (status === 200) takeAnswer(client, new Trail(client.kind, tally), tally, sent, answer)
      else tally.fail(client.kind, new Error(`status ${status}`))
    } catch (error) {
      tally.fail(client.kind, error)
    }
    tally.closed.push(client.id)
    await pause(random)
  }
  agent.destroy()
}

function askAgent(
  agent: Agent,
  { port, socketPath }: Target,
  { asked, method, body }: Sent,
): Promise<{ status: number; answer: string }> {
  return new Promise((resolve, reject) => {
    const request = openRequest({ agent, port, socketPath, path: pathOf(asked), method }, (response) => {
      text(response).then((answer) => resolve({ status: response.statusCode ?? 0, answer }), reject)
    })
    request.on('error', reject)
    request.end(method === 'POST' ? body : undefined)
  })
}
