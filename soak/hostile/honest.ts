import { Agent, type IncomingMessage, request } from 'node:http'
import { text } from 'node:stream/consumers'
import { setTimeout as delay } from 'node:timers/promises'
import { answerQuestions } from '../../harness/program.js'
import { percentile, rounded } from '../../harness/stats.js'
import { ROW_PATH } from './paths.js'

/** Figures of the honest clients in a window of time. */
export interface Window {
  readonly requests: number
  readonly perSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  /** Errors since the start, with their counts. */
  readonly errors: Readonly<Record<string, number>>
}

export type HonestQuestion =
  | { what: 'begin'; port: number; clients: number }
  /** Measures a window of `seconds`, in which each client pauses `thinkMs` after each answer. */
  | { what: 'measure'; seconds: number; thinkMs: number }
  | { what: 'end' }

/** A request that takes longer counts as lost. */
const PATIENCE_MS = 10_000
const ROWS = 1000

/** Figures since the start of a window. */
class Tally {
  thinkMs = 0
  latencies: number[] = []
  going = true
  /** Errors since the clients have started. */
  readonly errors: Record<string, number> = {}

  begin(thinkMs: number): void {
    this.thinkMs = thinkMs
    this.latencies = []
  }

  fail(error: NodeJS.ErrnoException): void {
    const what = error.code ?? error.message
    this.errors[what] = (this.errors[what] ?? 0) + 1
  }
}

/** Part that runs in its own process: honest clients, each of which keeps its connection and waits for each answer. */
export async function beHonest(thinkMs: number): Promise<void> {
  const tally = new Tally()
  tally.begin(thinkMs)
  let clients: Promise<void>[] = []
  await answerQuestions<HonestQuestion, Window>(async (question) => {
    if (question.what === 'begin') {
      clients = Array.from({ length: question.clients }, (_, index) => ask(question.port, index, tally))
    } else if (question.what === 'measure') {
      tally.begin(question.thinkMs)
      return measured(tally, question.seconds)
    } else {
      await end()
    }
    return measured(tally, 0)
  })
  await end()

  function end(): Promise<unknown> {
    tally.going = false
    return Promise.all(clients)
  }
}

async function measured(tally: Tally, seconds: number): Promise<Window> {
  const begun = performance.now()
  await delay(seconds * 1000)
  const { latencies, errors } = tally
  return {
    requests: latencies.length,
    perSecond: rounded(latencies.length / ((performance.now() - begun) / 1000)),
    p50Ms: rounded(percentile(latencies, 0.5)),
    p99Ms: rounded(percentile(latencies, 0.99)),
    errors: { ...errors },
  }
}

/** Runs one client. Its pauses vary between 0.5 and 1.5 times the set time, so that clients do not run in step. */
async function ask(port: number, client: number, tally: Tally): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  for (let nonce = 0; tally.going; nonce++) {
    const begun = performance.now()
    try {
      await askOnce(agent, port, (client * ROWS + nonce) % ROWS, `${client}.${nonce}`)
      tally.latencies.push(performance.now() - begun)
    } catch (error) {
      tally.fail(error as Error)
    }
    await delay(tally.thinkMs * (0.5 + Math.random()))
  }
  agent.destroy()
}

/** @throws a description of what is wrong with the answer. */
async function askOnce(agent: Agent, port: number, row: number, token: string): Promise<void> {
  const path = `${ROW_PATH}${row}?${token}`
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const sent = request({ agent, port, host: '127.0.0.1', path }, resolve)
    sent.on('error', reject)
    sent.setTimeout(PATIENCE_MS, () => sent.destroy(new Error(`no answer within ${PATIENCE_MS / 1000} s`)))
    sent.end()
  })
  const answer = await text(response)
  if (response.statusCode !== 200) throw new Error(`status ${response.statusCode}`)
  const { id, url } = JSON.parse(answer) as { id: number; url: string }
  if (id !== row || url !== path) throw new Error('wrong answer')
}
