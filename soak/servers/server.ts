import { once } from 'node:events'
import { createServer as createHttp } from 'node:http'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { cloneQueries, cloneRequests, cloneSessions, clones, configure, handlers } from 'node-qclone'
import { ndjson } from 'node-qclone/ndjson'
import { gc } from '../../harness/heap.js'
import { ACCOUNTS, type Asked, paddingFor, TOTAL } from '../../harness/owned-answers.js'
import { children, countDescriptors } from '../../harness/proc.js'
import { answerQuestions } from '../../harness/program.js'
import { until } from '../../harness/until.js'
import type { Answered } from './expect.js'

export type Question = { what: 'ports' | 'leftovers' | 'end' }

export interface Ports {
  http: number
  sessions: number
  queries: number
  descriptors: number
}

export interface Leftovers {
  clones: number
  children: number
  connections: number
  descriptors: number
  memoryMb: number
  /** How clones ended, by kind. */
  ends: Record<string, number>
}

const MAX_CLONES = 16
const MAX_QUEUE = 40
const KILL_EVERY_MS = 250
const PATIENCE_MS = 20_000
const MIB = 2 ** 20

/** Part that runs in its own process: three servers that share one state. */
export async function serve(): Promise<void> {
  configure({ maxClones: MAX_CLONES, maxQueue: MAX_QUEUE })
  const accounts = Array.from({ length: ACCOUNTS }, () => ({ balance: TOTAL / ACCOUNTS }))
  let updates = 0
  const onUpdate = (value: unknown) => {
    const [from, to, amount] = value as [number, number, number]
    const [a, b] = [accounts[from], accounts[to]]
    if (!a || !b) throw new RangeError(`no accounts ${from} and ${to}`)
    a.balance -= amount
    b.balance += amount
    updates++
  }
  const answer = (query: unknown): Answered => {
    const asked = query as Asked
    const sum = accounts.reduce((sum, { balance }) => sum + balance, 0)
    return { ...asked, pid: process.pid, sum, updates, padding: paddingFor(asked) }
  }
  const http = createHttp(async (request, response) => {
    const { searchParams } = new URL(request.url ?? '', 'http://a')
    let received = 0
    for await (const chunk of request) received += (chunk as Buffer).length
    const asked = JSON.parse(searchParams.get('asked') ?? '') as Asked
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify({ ...answer(asked), received }))
  })
  const sessions = createServer()
  const queries = createServer()
  cloneRequests(http)
  cloneSessions(sessions, { codec: ndjson(), evaluate: answer })
  cloneQueries(queries, { codec: ndjson(), evaluate: answer, onUpdate })
  const ends: Record<string, number> = {}
  handlers.oldClone.shim((prev, status, kind) => {
    const how = `${kind} ${status.signal ?? status.status}`
    ends[how] = (ends[how] ?? 0) + 1
    prev(status, kind)
  })
  const servers = [http, sessions, queries]
  const [httpPort, sessionPort, queryPort] = await Promise.all(servers.map(listen))
  const ports = { http: httpPort, sessions: sessionPort, queries: queryPort } as Omit<Ports, 'descriptors'>
  // Everything that is opened only once is open from here on.
  for (const { pid } of clones()) process.kill(pid)
  const before = countDescriptors()
  const killing = setInterval(() => {
    const live = clones()
    const victim = live[Math.floor(Math.random() * live.length)]
    if (victim) process.kill(victim.pid, 'SIGKILL')
  }, KILL_EVERY_MS).unref()
  const leftovers = async (): Promise<Leftovers> => {
    gc()
    const counts = await Promise.all(servers.map(connectionsOf))
    return {
      clones: clones().length,
      children: children().length,
      connections: counts.reduce((sum, count) => sum + count, 0),
      descriptors: countDescriptors(),
      memoryMb: process.memoryUsage.rss() / MIB,
      ends,
    }
  }
  await answerQuestions<Question, Ports | Leftovers>(async ({ what }) => {
    if (what === 'ports') return { ...ports, descriptors: before + MOST_OPENED_LATER }
    if (what === 'leftovers') return leftovers()
    clearInterval(killing)
    http.closeIdleConnections()
    const settled = async () => {
      const { clones, connections } = await leftovers()
      return clones === 0 && connections === 0
    }
    let done = false
    const look = async () => {
      done = await settled()
    }
    await until(() => {
      void look()
      return done
    }, PATIENCE_MS)
    return leftovers()
  })
  for (const server of servers) server.close()
  http.closeAllConnections()
}

/** Descriptors that the library and Node open at the first clone, and keep. */
const MOST_OPENED_LATER = 4

async function listen(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

function connectionsOf(server: Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.getConnections((error, count) => (error ? reject(error) : resolve(count)))
  })
}
