import { createServer } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { cloneReaders } from 'node-qclone'
import { fillHeap, gc, settle } from '../../harness/heap.js'
import { listenOn } from '../../harness/listen.js'
import { cpuMsOfFamily } from '../../harness/proc.js'
import { answerQuestions, openPart } from '../../harness/program.js'
import { rounded } from '../../harness/stats.js'
import { allowSilence, type ClientAnswer, type ClientQuestion, HEAP_ROOM_MIB, pssOfFamily } from './idle.js'

export interface EachOptions {
  readonly heapMib: number
  readonly connections: number
}

export interface EachFigures {
  connections: number
  /** Connections whose request was answered. */
  answered: number
  closed: number
  /** Readers afterwards. */
  readers: number
  /** Memory of all processes that each connection adds, in MiB: idle before its first request, and with a reader. */
  restingMib: number
  mibPerConnection: number
  /** Time until all were answered, including the forks. */
  msPerConnection: number
  /** CPU time of all processes per second without requests, in milliseconds. */
  cpuMsPerSecond: number
}

type ServerQuestion = { what: 'port' } | { what: 'memory' } | { what: 'cpu' }

interface ServerAnswer {
  port?: number
  memory?: { mib: number; readers: number }
  cpuMs?: number
}

/** Length of the window without requests in which CPU time is measured, in milliseconds. */
const QUIET_MS = 5000
const MIB = 2 ** 20

/** Part that runs in its own process: a parent with one reader per connection. */
export async function serveEach({ heapMib, connections }: EachOptions): Promise<void> {
  const rows = fillHeap(heapMib)
  gc()
  const server = createServer((_, response) => response.end(rows.length > 0 ? 'answered' : ''))
  allowSilence(server)
  server.maxConnections = connections
  const port = await listenOn(server)
  const readers = cloneReaders(server, { perConnection: true, maxAge: Infinity })
  await readers.ready
  await answerQuestions<ServerQuestion, ServerAnswer>(async ({ what }) => {
    if (what === 'port') return { port }
    if (what === 'cpu') return { cpuMs: cpuMsOfFamily(process.pid) }
    await settle()
    return { memory: { mib: pssOfFamily() / MIB, readers: readers.stats().readers.length } }
  })
  await readers.close({ drain: 0 })
  server.close()
}

/** Measures the cost of a connection with its own reader. */
export async function measureEach(options: EachOptions, limitMs: number): Promise<EachFigures> {
  const { connections } = options
  const flags = [`--max-old-space-size=${options.heapMib + HEAP_ROOM_MIB}`]
  const server = openPart<ServerQuestion, ServerAnswer>('server of each', { flags, limitMs })
  const clients = openPart<ClientQuestion, ClientAnswer>('idle clients', { limitMs })
  const { port } = (await server.ask({ what: 'port' })) as { port: number }
  const memory = async () => (await server.ask({ what: 'memory' })).memory as { mib: number; readers: number }
  const without = await memory()
  await clients.ask({ what: 'open', port, connections, silent: true })
  const resting = await memory()
  const begun = performance.now()
  const { answered, closed } = await clients.ask({ what: 'ask' })
  const ms = performance.now() - begun
  const served = await memory()
  const cpu = async () => (await server.ask({ what: 'cpu' })).cpuMs as number
  const before = await cpu()
  await delay(QUIET_MS)
  const cpuMs = (await cpu()) - before
  await clients.end()
  await server.end()
  return {
    connections,
    answered,
    closed,
    readers: served.readers,
    restingMib: rounded((resting.mib - without.mib) / connections),
    mibPerConnection: rounded((served.mib - without.mib) / connections),
    msPerConnection: rounded(ms / connections),
    cpuMsPerSecond: rounded(cpuMs / (QUIET_MS / 1000)),
  }
}
