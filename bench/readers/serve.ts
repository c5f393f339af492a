import cluster from 'node:cluster'
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { cloneReaders, type Readers } from 'node-qclone'
import { listenOn } from '../../harness/listen.js'
import { answerQuestions, PART } from '../../harness/program.js'
import { Data, type UpdateFigures } from './data.js'

export interface ServerOptions {
  readonly heapMib: number
  /** Readers, or workers of `node:cluster`. */
  readonly readers: number
  readonly maxAge: number
}

/** `begin` and `end` delimit a window. */
export type ServerQuestion =
  | { what: 'start' }
  | { what: 'begin'; rate: number; connections: number }
  | { what: 'end' }

export interface ServerAnswer {
  port: number
  pid: number
  updates?: UpdateFigures | undefined
  spread?: Spread | undefined
}

/** How connections were spread over the readers of a generation. */
export interface Spread {
  /** Samples at which all connections were open, and none was being handed over. */
  looks: number
  /** Maximum difference between the connection counts of two readers. */
  mostApart: number
  swaps: number
  /** Longest time from the fork of a generation until it served, in milliseconds. */
  swapMs: number
}

const LOOK_MS = 50

/** Part that runs in its own process: serves alone. */
export async function servePlain({ heapMib }: ServerOptions): Promise<void> {
  const data = new Data(heapMib)
  const server = createServer((request, response) => data.answer(request, response))
  await answerWindows(server, await listenOn(server), data)
}

/** Part that runs in its own process: the parent of readers. */
export async function serveByReaders({ heapMib, readers: count, maxAge }: ServerOptions): Promise<void> {
  const data = new Data(heapMib)
  const server = createServer((request, response) => data.answer(request, response))
  const port = await listenOn(server)
  const readers = cloneReaders(server, { readers: count, maxAge, version: () => data.version })
  await readers.ready
  await answerWindows(server, port, data, readers)
  await readers.close()
}

async function answerWindows(server: Server, port: number, data: Data, readers?: Readers): Promise<void> {
  let updating: Promise<UpdateFigures> | undefined
  let watching: (() => Spread) | undefined
  await answerQuestions<ServerQuestion, ServerAnswer>(async (question) => {
    const known = { port, pid: process.pid }
    if (question.what === 'begin') {
      updating = question.rate > 0 ? data.update(question.rate) : undefined
      watching = readers && watchSpread(readers, question.connections)
      return known
    }
    if (question.what === 'start') return known
    data.stopUpdates()
    return { ...known, updates: await updating, spread: watching?.() }
  })
  server.close()
}

/** Samples the `connections` of readers while all are open, until the returned function is called. */
function watchSpread(readers: Readers, connections: number): () => Spread {
  let [looks, mostApart, swapMs] = [0, 0, 0]
  const { swaps } = readers.stats()
  const look = () => {
    const stats = readers.stats()
    if (stats.swaps > swaps) swapMs = Math.max(swapMs, stats.swapMs)
    if (stats.waiting > 0 || stats.readers.some(({ draining }) => draining)) return
    const counts = stats.readers.map(({ connections }) => connections)
    if (counts.reduce((sum, count) => sum + count, 0) !== connections) return
    looks++
    mostApart = Math.max(mostApart, Math.max(...counts) - Math.min(...counts))
  }
  const timer = setInterval(look, LOOK_MS)
  return () => {
    clearInterval(timer)
    return { looks, mostApart, swaps: readers.stats().swaps - swaps, swapMs }
  }
}

/** Part that runs in its own process: the primary of `node:cluster`, which has no data. */
export async function serveByCluster({ readers }: ServerOptions): Promise<void> {
  let port = 0
  for (let i = 0; i < readers; i++) {
    const worker = cluster.fork({ [PART]: 'worker' })
    const [address] = (await once(worker, 'listening')) as [AddressInfo]
    port = address.port
  }
  await answerQuestions<ServerQuestion, ServerAnswer>(async () => ({ port, pid: process.pid }))
  await new Promise<void>((resolve) => cluster.disconnect(resolve))
}

/** Part that runs in its own process: a worker of `node:cluster` with its own copy of the data. */
export async function workInCluster({ heapMib }: ServerOptions): Promise<void> {
  const data = new Data(heapMib)
  const server = createServer((request, response) => data.answer(request, response))
  await listenOn(server)
  await once(process, 'disconnect')
}
