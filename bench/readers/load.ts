import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { cpuMsOfFamily } from '../../harness/proc.js'
import { answerQuestions } from '../../harness/program.js'
import { percentile, rounded } from '../../harness/stats.js'

export interface LoadQuestion {
  port: number
  /** Process id of the server. The CPU time of its children counts too. */
  server: number
  connections: number
  seconds: number
}

export interface Load {
  requests: number
  perSecond: number
  p50Ms: number
  p99Ms: number
  /** Connections that ended, or received something other than an answer. */
  failed: number
  /** CPU time in milliseconds. */
  loadCpuMs: number
  serverCpuMs: number
  /** Time from the last update of the data until the client received it, in milliseconds. */
  staleP99Ms: number
  staleMs: number
  /** Requests by the generation and process id that answered. */
  byReader: Record<string, number>
}

/** Time before the window, in which servers compile their handler. */
const WARM_UP_MS = 700
const REQUEST = 'GET / HTTP/1.1\r\nhost: a\r\n\r\n'
const HEAD_END = '\r\n\r\n'

/** Figures of a window. */
class Tally {
  isGoing = true
  isMeasuring = false
  failed = 0
  readonly latencies: number[] = []
  readonly staleness: number[] = []
  readonly byReader = new Map<string, number>()
}

/**
Client with one connection, which sends the next request after each answer. It parses as little of an answer as
possible, since it takes CPU time from the servers.
*/
class Client {
  readonly ended: Promise<unknown>
  readonly #tally: Tally
  readonly #socket: Socket
  #text = ''
  #askedAt = 0

  constructor(port: number, tally: Tally) {
    this.#tally = tally
    this.#socket = connect({ port, host: '127.0.0.1', noDelay: true })
    this.#socket.setEncoding('latin1')
    this.#socket.on('data', (chunk: string) => this.#receive(chunk))
    this.#socket.on('error', () => {})
    this.#socket.on('connect', () => this.#ask())
    this.ended = once(this.#socket, 'close')
    this.#socket.on('close', () => {
      if (tally.isGoing) tally.failed++
    })
  }

  #ask(): void {
    this.#askedAt = performance.now()
    this.#socket.write(REQUEST)
  }

  #receive(chunk: string): void {
    const text = this.#text === '' ? chunk : this.#text + chunk
    const headEnd = text.indexOf(HEAD_END)
    if (headEnd === -1 || text.length < headEnd + HEAD_END.length + Number(fieldOf(text, 'Content-Length'))) {
      this.#text = text
      return
    }
    this.#text = ''
    const tally = this.#tally
    if (!text.startsWith('HTTP/1.1 200')) {
      this.#socket.destroy()
      return
    }
    if (tally.isMeasuring) {
      const reader = fieldOf(text, 'x-reader')
      tally.byReader.set(reader, (tally.byReader.get(reader) ?? 0) + 1)
      tally.latencies.push(performance.now() - this.#askedAt)
      tally.staleness.push(Date.now() - Number(fieldOf(text, 'x-updated')))
    }
    if (tally.isGoing) this.#ask()
    else this.#socket.destroy()
  }
}

function fieldOf(text: string, name: string): string {
  const from = text.indexOf(`\r\n${name}: `) + name.length + 4
  return text.slice(from, text.indexOf('\r\n', from))
}

/** Part that runs in its own process: clients that keep their connections. */
export function generateLoad(): Promise<void> {
  return answerQuestions<LoadQuestion, Load>(async ({ port, server, connections, seconds }) => {
    const tally = new Tally()
    const clients = Array.from({ length: connections }, () => new Client(port, tally))
    await delay(WARM_UP_MS)
    const cpu = process.cpuUsage()
    const serverCpu = cpuMsOfFamily(server)
    const begun = performance.now()
    tally.isMeasuring = true
    await delay(seconds * 1000)
    tally.isMeasuring = false
    const elapsed = (performance.now() - begun) / 1000
    const serverCpuMs = cpuMsOfFamily(server) - serverCpu
    const { user, system } = process.cpuUsage(cpu)
    tally.isGoing = false
    await Promise.all(clients.map(({ ended }) => ended))
    const { latencies, staleness, failed, byReader } = tally
    return {
      requests: latencies.length,
      perSecond: rounded(latencies.length / elapsed),
      p50Ms: rounded(percentile(latencies, 0.5)),
      p99Ms: rounded(percentile(latencies, 0.99)),
      failed,
      loadCpuMs: rounded((user + system) / 1000),
      serverCpuMs: rounded(serverCpuMs),
      staleP99Ms: rounded(percentile(staleness, 0.99)),
      staleMs: rounded(percentile(staleness, 1)),
      byReader: Object.fromEntries(byReader),
    }
  })
}
