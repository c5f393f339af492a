import { once } from 'node:events'
import { createServer } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { cloneRequests, handlers } from 'node-qclone'
import { readArgs } from '../harness/args.js'
import { fillHeap, settle } from '../harness/heap.js'
import { answerQuestions, openPart, program, report } from '../harness/program.js'
import { median, percentile, rounded } from '../harness/stats.js'
import { loadBareFork } from './bare-fork/addon.js'

const options = readArgs(
  `Usage: npm run bench -- http [options]

Compares the requests per second that clones answer, on keep-alive connections and with a handler that does nothing,
with the number of bare fork(2), _exit(2) and wait(2) per second of the same process, alternately. Meanwhile another
client sends requests to the parent itself. Passes if the ratio is at least 70 %, and the 99th percentile of the
parent's own response times is below twice the time of a fork.`,
  {
    'heap-mb': { about: 'heap of JavaScript objects, in MiB', fallback: 200, min: 1, max: 16_000 },
    connections: { about: 'connections', fallback: 8, min: 1, max: 64 },
    rounds: { about: 'turns', fallback: 5, min: 1, max: 100 },
    seconds: { about: 'length of each half of a turn', fallback: 4, min: 1, max: 60 },
  },
)

const MIN_SHARE = 0.7
const MAX_FORKS_OF_P99 = 2
const HEAP_ROOM_MB = 1000
const LIMIT_MS = 1_200_000
/** Interval between two requests to the parent itself. */
const PROBE_INTERVAL_MS = 3
/** Forks between two scans of the mappings, which are not timed. */
const FORKS_AT_ONCE = 50

type Question = { what: 'port' } | { what: 'bare' } | { what: 'forks' }
/** Answer by question: port; forks per second; milliseconds of each fork since the last question. */
type Answer = number | number[]

/** Part that runs in its own process: the server. */
async function serve(): Promise<void> {
  const bare = loadBareFork()
  const rows = fillHeap(options['heap-mb'])
  const forks: number[] = []
  handlers.newClone.shim((prev, clone, kind) => {
    forks.push(clone.timings.totalMs)
    prev(clone, kind)
  })
  const server = createServer((_, response) => response.end(BODY))
  cloneRequests(server, { filter: ({ url }) => url === '/clone' })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const bareForks = () => {
    let count = 0
    let ms = 0
    while (ms < options.seconds * 1000) {
      bare.look()
      bare.handDown()
      const begun = performance.now()
      for (let i = 0; i < FORKS_AT_ONCE; i++) bare.bareFork()
      ms += performance.now() - begun
      count += FORKS_AT_ONCE
      bare.takeBack()
    }
    return (count / ms) * 1000
  }
  await answerQuestions<Question, Answer>(async ({ what }) => {
    if (what === 'port') return (server.address() as AddressInfo).port
    if (what === 'forks') return forks.splice(0)
    await settle()
    return bareForks()
  })
  server.close()
  server.closeAllConnections()
  // Uses `rows`, so that they are not collected before.
  if (rows.length === 0) throw new Error('no heap')
}

const BODY = 'answered'

/** Connection that requests one path again after each answer, until stopped. */
class Asking {
  answers = 0
  readonly latencies: number[] = []
  readonly #socket: Socket
  readonly #request: string
  readonly #interval: number
  #text = ''
  #asked = 0
  #going = false
  #idle: (() => void) | undefined

  constructor(port: number, path: string, interval = 0) {
    this.#request = `GET ${path} HTTP/1.1\r\nhost: a\r\n\r\n`
    this.#interval = interval
    this.#socket = connect({ port, host: '127.0.0.1', noDelay: true })
    this.#socket.setEncoding('latin1')
    this.#socket.on('data', (chunk: string) => this.#take(chunk))
    this.#socket.on('close', () => {
      if (this.#going) throw new Error('a connection was lost')
    })
  }

  begin(): void {
    this.#going = true
    this.#ask()
  }

  /** Sends no more requests, and waits for the last answer. */
  async end(): Promise<void> {
    this.#going = false
    await new Promise<void>((resolve) => {
      this.#idle = resolve
      if (this.#asked === 0) resolve()
    })
  }

  close(): void {
    this.#socket.destroy()
  }

  #ask(): void {
    this.#asked = performance.now()
    this.#socket.write(this.#request)
  }

  #take(chunk: string): void {
    this.#text += chunk
    if (!this.#text.endsWith(`\r\n\r\n${BODY}`)) return
    if (!this.#text.startsWith('HTTP/1.1 200')) throw new Error(this.#text)
    this.#text = ''
    this.answers++
    this.latencies.push(performance.now() - this.#asked)
    this.#asked = 0
    if (!this.#going) this.#idle?.()
    else if (this.#interval === 0) this.#ask()
    else
      setTimeout(() => {
        if (this.#going) this.#ask()
        else this.#idle?.()
      }, this.#interval)
  }
}

await program({ server: serve }, async () => {
  const server = openPart<Question, Answer>('server', {
    flags: [`--max-old-space-size=${options['heap-mb'] + HEAP_ROOM_MB}`],
    limitMs: LIMIT_MS,
  })
  const port = (await server.ask({ what: 'port' })) as number
  const asking = Array.from({ length: options.connections }, () => new Asking(port, '/clone'))
  const probe = new Asking(port, '/parent', PROBE_INTERVAL_MS)
  const turns: Array<{ bare: number; requests: number }> = []
  const turn = async () => {
    const bare = (await server.ask({ what: 'bare' })) as number
    const before = asking.reduce((sum, { answers }) => sum + answers, 0)
    const begun = performance.now()
    for (const client of [...asking, probe]) client.begin()
    await delay(options.seconds * 1000)
    const answers = asking.reduce((sum, { answers }) => sum + answers, 0) - before
    const seconds = (performance.now() - begun) / 1000
    await Promise.all([...asking, probe].map((client) => client.end()))
    return { bare, requests: answers / seconds }
  }
  // The first turn compiles code and splits page tables.
  await turn()
  probe.latencies.length = 0
  await server.ask({ what: 'forks' })
  for (let round = 0; round < options.rounds; round++) turns.push(await turn())
  const forks = (await server.ask({ what: 'forks' })) as number[]
  for (const client of [...asking, probe]) client.close()
  await server.end()
  const share = median(turns.map(({ bare, requests }) => requests / bare))
  const forkMs = median(forks)
  const p99 = percentile(probe.latencies, 0.99)
  const met = { share: share >= MIN_SHARE, parent: p99 < MAX_FORKS_OF_P99 * forkMs }
  report(
    {
      node: process.version,
      met,
      bareForksPerSecond: rounded(median(turns.map(({ bare }) => bare))),
      requestsPerSecond: rounded(median(turns.map(({ requests }) => requests))),
      share: rounded(share),
      forkMs: rounded(forkMs),
      forkP99Ms: rounded(percentile(forks, 0.99)),
      ofParent: {
        answers: probe.latencies.length,
        p50Ms: rounded(median(probe.latencies)),
        p99Ms: rounded(p99),
        p99InForks: rounded(p99 / forkMs),
      },
    },
    options.json,
  )
  return Object.values(met).every(Boolean)
})
