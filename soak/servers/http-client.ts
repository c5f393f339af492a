import { Agent, type IncomingMessage, request } from 'node:http'
import { text } from 'node:stream/consumers'
import type { Answered, Tally } from './expect.js'

/** Share of requests whose client leaves before the answer. */
const VANISHING = 0.03
/** Share of requests with a body, and its maximum size. */
const WITH_BODY = 0.2
const MOST_BODY_BYTES = 2_000_000
/** Statuses that are acceptable instead of the answer. */
const HONEST = [500, 503, 504]

/** HTTP client that keeps its connection as long as the server does. */
export async function askByHttp(port: number, id: string, going: () => boolean, tally: Tally): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  for (let nonce = 0; going(); nonce++) await askOnce(agent, port, id, nonce, tally)
  agent.destroy()
}

/** Sends one request and waits for its end. */
export async function askOnce(
  agent: Agent,
  port: number,
  id: string,
  nonce: number,
  tally: Tally,
): Promise<void> {
  const asked = tally.question(id, nonce)
  const body =
    tally.draw() < WITH_BODY ? Buffer.alloc(Math.floor(tally.draw() ** 3 * MOST_BODY_BYTES)) : undefined
  const path = `/?asked=${encodeURIComponent(JSON.stringify(asked))}`
  const vanishAfter = tally.draw() < VANISHING ? tally.draw() * 20 : undefined
  try {
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const sent = request({ agent, port, host: '127.0.0.1', path, method: body ? 'POST' : 'GET' }, resolve)
      sent.on('error', reject)
      sent.end(body)
      if (vanishAfter !== undefined) setTimeout(() => sent.destroy(new Vanished()), vanishAfter)
    })
    const answer = await text(response)
    if (response.statusCode === 200) {
      const answered = JSON.parse(answer) as Answered & { received: number }
      if (answered.received !== (body?.length ?? 0)) {
        tally.wrong.push(`http ${id}: ${answered.received} bytes of ${body?.length} were received`)
      }
      return tally.judge('http', asked, answered)
    }
    if (HONEST.includes(response.statusCode ?? 0)) return tally.count(`http: ${response.statusCode}`)
    tally.wrong.push(`http ${id}: status ${response.statusCode} ${answer}`)
  } catch (error) {
    noteFailure(error, 'http', tally)
  }
}

class Vanished extends Error {}

/** Error codes of connections that were broken off or refused. */
const BREAKS = ['ECONNRESET', 'EPIPE', 'ECONNREFUSED', 'ERR_STREAM_PREMATURE_CLOSE']

function noteFailure(error: unknown, kind: string, tally: Tally): void {
  const { code = '' } = error as NodeJS.ErrnoException
  if (error instanceof Vanished) tally.count(`${kind}: vanished`)
  else if (BREAKS.includes(code)) tally.count(`${kind}: connection broken`)
  else tally.wrong.push(`${kind}: ${(error as Error).stack}`)
}
