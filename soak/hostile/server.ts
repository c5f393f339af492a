import { once } from 'node:events'
import { createServer as createHttpServer, type RequestListener } from 'node:http'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { cloneQueries, cloneRequests, clones, handlers } from 'node-qclone'
import { kdb } from 'node-qclone/kdb'
import { fillHeap, row } from '../../harness/heap.js'
import { children } from '../../harness/proc.js'
import { answerQuestions } from '../../harness/program.js'
import { until } from '../../harness/until.js'
import { LARGE_BYTES, LARGE_PATH, ROW_PATH, UPLOAD_PATH } from './paths.js'

export type ServerQuestion =
  | { what: 'ports' }
  /** Requests the figures since the last such question. */
  | { what: 'seen' }
  /** Waits until the clones of hostile clients have ended. */
  | { what: 'rest' }
  | { what: 'end' }

export type ServerAnswer = Ports | Seen | Rest

export interface Ports {
  readonly http: number
  readonly kdb: number
}

export interface Seen {
  /** RSS of the parent, sampled every 250 ms. */
  readonly rssMb: readonly number[]
  readonly clones: number
  readonly mostAlive: number
  /** Refused clones, by error code. */
  readonly refused: Readonly<Record<string, number>>
}

export interface Rest {
  readonly clones: number
  readonly children: number
  readonly connections: number
}

const SAMPLE_MS = 250
const REST_LIMIT_MS = 20_000
const MIB = 2 ** 20

/** Part that runs in its own process: an HTTP server and a kdb+ server, with the defaults of this library and Node. */
export async function serve(heapMb: number): Promise<void> {
  const rows = fillHeap(heapMb)
  const http = createHttpServer(answerBy(rows.length))
  const queries = createServer()
  cloneRequests(http)
  const authenticate = (user: string, password: string) => user === 'friend' && password === 'secret'
  cloneQueries(queries, { codec: kdb({ authenticate }), evaluate: (query) => query })
  const servers = [http, queries]
  const watch = watchProcess()
  const [httpPort = 0, kdbPort = 0] = await Promise.all(servers.map(listen))
  await answerQuestions<ServerQuestion, ServerAnswer>(async ({ what }) => {
    if (what === 'ports') return { http: httpPort, kdb: kdbPort }
    if (what === 'seen') return watch.take()
    if (what === 'rest') await until(onlyHonestClones, REST_LIMIT_MS)
    else await ended(servers)
    return { clones: clones().length, children: children().length, connections: await connectionsOf(servers) }
  })
  http.closeAllConnections()
  watch.end()
}

const LARGE = Buffer.alloc(LARGE_BYTES, 'x')

function answerBy(rows: number): RequestListener {
  return async (request, response) => {
    const { url = '' } = request
    if (url === LARGE_PATH) {
      response.writeHead(200, { 'content-length': LARGE.length }).end(LARGE)
    } else if (url === UPLOAD_PATH) {
      let bytes = 0
      for await (const chunk of request) bytes += (chunk as Buffer).length
      response.end(JSON.stringify({ bytes }))
    } else {
      const id = Number.parseInt(url.slice(ROW_PATH.length), 10) % rows
      response.end(JSON.stringify({ ...row(id), url }))
    }
  }
}

function onlyHonestClones(): boolean {
  return clones().every(({ name }) => name?.includes(ROW_PATH))
}

/** Closes the servers, and waits until the last client has left and its clone has ended. */
async function ended(servers: readonly Server[]): Promise<void> {
  const closed = servers.map((server) => new Promise((resolve) => server.close(resolve)))
  await Promise.race([Promise.all(closed), delay(REST_LIMIT_MS)])
  await until(() => children().length === 0, REST_LIMIT_MS)
}

function watchProcess() {
  const fresh = () => ({
    rssMb: [] as number[],
    clones: 0,
    mostAlive: 0,
    refused: {} as Record<string, number>,
  })
  let seen = fresh()
  handlers.newClone.shim((prev, clone, kind) => {
    seen.clones++
    seen.mostAlive = Math.max(seen.mostAlive, clones().length)
    prev(clone, kind)
  })
  handlers.forkFailed.shim((prev, error, kind) => {
    seen.refused[error.code] = (seen.refused[error.code] ?? 0) + 1
    prev(error, kind)
  })
  const timer = setInterval(() => seen.rssMb.push(Math.round(process.memoryUsage.rss() / MIB)), SAMPLE_MS)
  return {
    take(): Seen {
      const taken = seen
      seen = fresh()
      return taken
    },
    end: () => clearInterval(timer),
  }
}

async function listen(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

async function connectionsOf(servers: readonly Server[]): Promise<number> {
  const counts = await Promise.all(
    servers.map(
      (server) =>
        new Promise<number>((resolve, reject) => {
          server.getConnections((error, count) => (error ? reject(error) : resolve(count)))
        }),
    ),
  )
  return counts.reduce((sum, count) => sum + count, 0)
}
