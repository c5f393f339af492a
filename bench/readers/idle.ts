import { createServer, type Server } from 'node:http'
import type { Socket } from 'node:net'
import { cloneReaders, handlers, memoryOf, type Readers } from 'node-qclone'
import { connectMany } from '../../harness/connect-many.js'
import { fillHeap, gc, settle } from '../../harness/heap.js'
import { listenOn } from '../../harness/listen.js'
import { countDescriptors, familyOf } from '../../harness/proc.js'
import { answerQuestions, openPart } from '../../harness/program.js'
import { median, rounded } from '../../harness/stats.js'
import { until } from '../../harness/until.js'

export interface IdleOptions {
  readonly heapMib: number
  readonly readers: number
  readonly connections: number
  readonly swaps: number
}

export interface IdleFigures {
  connections: number
  /** Connections that answered a request after the swaps. */
  answered: number
  /** Connections closed by the server. */
  closed: number
  /** Connections per reader. */
  spread: number[]
  /** Memory of all processes that each connection adds, in KiB: before the first swap, and after the last. */
  kibPerConnection: number[]
  /** Medians of the time from the call until the new generation serves, and until it has all connections. */
  servesMs: number
  swapMs: number
  longestSwapMs: number
  /** Medians of the longest time per swap for which the parent's event loop was blocked, and of its CPU time. */
  blockedMs: number
  longestBlockedMs: number
  forkMs: number
  parentCpuMs: number
  /** The same with no connections. */
  without: { swapMs: number; blockedMs: number; parentCpuMs: number }
  descriptors: number
  deferred: number
  lost: number
}

type ServerQuestion = { what: 'port' } | { what: 'memory' } | { what: 'swap'; connections: number }

interface ServerAnswer {
  port?: number
  memoryKib?: number
  swap?: Swap
}

interface Swap {
  servesMs: number
  ms: number
  blockedMs: number
  forkMs: number
  cpuMs: number
  spread: number[]
  descriptors: number
  deferred: number
  lost: number
}

export type ClientQuestion =
  /** Opens connections. Every other one sends a request, unless `silent` is set. */
  { what: 'open'; port: number; connections: number; silent?: boolean } | { what: 'ask' }

export interface ClientAnswer {
  answered: number
  closed: number
}

const TICK_MS = 1
const SWAP_LIMIT_MS = 60_000
const ANSWER_LIMIT_MS = 60_000
/** The first swaps compile this program and the library. */
const WARM_UP_SWAPS = 2
const REQUEST = 'GET / HTTP/1.1\r\nhost: a\r\n\r\n'
const BODY = 'answered'

/** Part that runs in its own process: a parent whose clients are silent. */
export async function serveIdle({ heapMib, readers: count }: IdleOptions): Promise<void> {
  const rows = fillHeap(heapMib)
  gc()
  const server = createServer((_, response) => response.end(rows.length > 0 ? BODY : ''))
  allowSilence(server)
  const port = await listenOn(server)
  const readers = cloneReaders(server, { readers: count, maxAge: Infinity, drainTimeout: SWAP_LIMIT_MS })
  await readers.ready
  await answerQuestions<ServerQuestion, ServerAnswer>(async (question) => {
    if (question.what === 'port') return { port }
    await settle()
    if (question.what === 'swap') return { swap: await swap(readers, question.connections) }
    return { memoryKib: pssOfFamily() / 1024 }
  })
  await readers.close()
  server.close()
}

/** Memory in bytes of this process and its readers. */
export function pssOfFamily(): number {
  return familyOf(process.pid).reduce((sum, { pid }) => sum + memoryOf(pid).pss, 0)
}

/** Disables a server's timeouts for silent clients, which are expected here. */
export function allowSilence(server: Server): void {
  Object.assign(server, { keepAliveTimeout: 0, headersTimeout: 0, requestTimeout: 0 })
}

/** Makes a generation, and waits until it has all connections. */
async function swap(readers: Readers, connections: number): Promise<Swap> {
  let forkMs = 0
  const undo = handlers.newClone.shim((prev, clone, kind) => {
    forkMs += clone.timings.totalMs
    prev(clone, kind)
  })
  let last = performance.now()
  let blockedMs = 0
  const watching = setInterval(() => {
    const now = performance.now()
    blockedMs = Math.max(blockedMs, now - last - TICK_MS)
    last = now
  }, TICK_MS)
  const cpu = process.cpuUsage()
  const begun = performance.now()
  const generation = await readers.refresh()
  const servesMs = performance.now() - begun
  const serving = () => readers.stats().readers.filter((reader) => reader.generation === generation)
  await until(() => {
    const has = serving().reduce((sum, reader) => sum + reader.connections, 0)
    return has === connections && readers.stats().readers.every(({ draining }) => !draining)
  }, SWAP_LIMIT_MS)
  const ms = performance.now() - begun
  clearInterval(watching)
  undo()
  const { user, system } = process.cpuUsage(cpu)
  const { deferred, lost } = readers.stats()
  return {
    servesMs,
    ms,
    blockedMs,
    forkMs,
    cpuMs: (user + system) / 1000,
    spread: serving().map((reader) => reader.connections),
    descriptors: countDescriptors(),
    deferred,
    lost,
  }
}

/** Part that runs in its own process: clients that connect, stay silent, and send one request each on demand. */
export async function stayIdle(): Promise<void> {
  const sockets: Socket[] = []
  let closed = 0
  await answerQuestions<ClientQuestion, ClientAnswer>(async (question) => {
    if (question.what === 'open') {
      await connectMany(question.port, question.connections, sockets, async (socket) => {
        socket.on('close', () => {
          closed++
        })
        // Every other one has already received an answer, and is idle between two requests.
        if (!question.silent && sockets.length % 2 === 0) await ask(socket)
      })
      return { answered: 0, closed }
    }
    const answers = await Promise.all(sockets.map(ask))
    return { answered: answers.filter(Boolean).length, closed }
  })
  for (const socket of sockets) socket.destroy()
}

/** @returns whether the answer arrived. */
function ask(socket: Socket): Promise<boolean> {
  return new Promise((resolve) => {
    let text = ''
    const done = (is: boolean) => {
      clearTimeout(timer)
      socket.off('data', take).off('close', fail)
      resolve(is)
    }
    const fail = () => done(false)
    const take = (chunk: Buffer) => {
      text += chunk.toString('latin1')
      if (text.endsWith(`\r\n\r\n${BODY}`)) done(text.startsWith('HTTP/1.1 200'))
    }
    const timer = setTimeout(fail, ANSWER_LIMIT_MS)
    socket.on('data', take).on('close', fail)
    if (socket.destroyed) fail()
    else socket.write(REQUEST)
  })
}

/** Measures swaps without connections, then with many. */
export async function measureIdle(options: IdleOptions, limitMs: number): Promise<IdleFigures> {
  const { connections } = options
  const flags = [`--max-old-space-size=${options.heapMib + HEAP_ROOM_MIB}`]
  const server = openPart<ServerQuestion, ServerAnswer>('idle server', { flags, limitMs })
  const clients = openPart<ClientQuestion, ClientAnswer>('idle clients', { limitMs })
  const { port } = (await server.ask({ what: 'port' })) as { port: number }
  const memory = async () => (await server.ask({ what: 'memory' })).memoryKib as number
  const swaps = async (connections: number) => {
    const done: Swap[] = []
    for (let i = 0; i < options.swaps; i++) {
      done.push((await server.ask({ what: 'swap', connections })).swap as Swap)
    }
    return done
  }
  for (let i = 0; i < WARM_UP_SWAPS; i++) await server.ask({ what: 'swap', connections: 0 })
  const without = await swaps(0)
  const memoryWithout = await memory()
  await clients.ask({ what: 'open', port, connections })
  const memoryBefore = await memory()
  const done = await swaps(connections)
  const memoryAfter = await memory()
  const { answered, closed } = await clients.ask({ what: 'ask' })
  await clients.end()
  await server.end()
  const of = (all: readonly Swap[], value: (swap: Swap) => number) => rounded(median(all.map(value)))
  const last = done.at(-1) as Swap
  const perConnection = (kib: number) => rounded((kib - memoryWithout) / connections)
  return {
    connections,
    answered,
    closed,
    spread: last.spread,
    kibPerConnection: [perConnection(memoryBefore), perConnection(memoryAfter)],
    servesMs: of(done, ({ servesMs }) => servesMs),
    swapMs: of(done, ({ ms }) => ms),
    longestSwapMs: rounded(Math.max(...done.map(({ ms }) => ms))),
    blockedMs: of(done, ({ blockedMs }) => blockedMs),
    longestBlockedMs: rounded(Math.max(...done.map(({ blockedMs }) => blockedMs))),
    forkMs: of(done, ({ forkMs }) => forkMs),
    parentCpuMs: of(done, ({ cpuMs }) => cpuMs),
    without: {
      swapMs: of(without, ({ ms }) => ms),
      blockedMs: of(without, ({ blockedMs }) => blockedMs),
      parentCpuMs: of(without, ({ cpuMs }) => cpuMs),
    },
    descriptors: last.descriptors,
    deferred: last.deferred,
    lost: last.lost,
  }
}

export const HEAP_ROOM_MIB = 1000
