import { createServer as createHttp, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer, type Server } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { clones, handlers, type SpeakingOptions } from 'node-qclone'
import { kdb } from 'node-qclone/kdb'
import { ndjson } from 'node-qclone/ndjson'
import { gc, settle } from '../../harness/heap.js'
import { listenOn } from '../../harness/listen.js'
import { ACCOUNTS, type Asked } from '../../harness/owned-answers.js'
import { children, countDescriptors } from '../../harness/proc.js'
import { answerQuestions } from '../../harness/program.js'
import { Random } from '../../harness/random.js'
import { until } from '../../harness/until.js'
import { type EpochFigures, Epochs } from './epochs.js'
import { type FaultFigures, Faults } from './faults.js'
import { type Epoch, State } from './state.js'

export type Question =
  | { ask: 'start'; seed: number; faults: boolean }
  | { ask: 'memory' }
  /** Requests the transfers of closed connections, which the server then forgets. */
  | { ask: 'transfers'; ids: readonly string[] }
  | { ask: 'end' }

/** One field is set, depending on the question. */
export interface Answer {
  ports?: Ports
  rssMib?: number
  transfers?: Record<string, number>
  end?: EndFigures
}

export interface Ports {
  http: number
  ndjson: number
  kdb: number
}

/** Reader that was killed, by this program or by its parent. */
export interface Killed {
  readonly pid: number
  /** In milliseconds since the Unix epoch. */
  readonly at: number
  /** Connections it had, or was about to have. */
  readonly connections: number
}

export interface EndFigures extends EpochFigures {
  forks: number
  killed: Killed[]
  faults: FaultFigures
  /** Applied transfers by connection, for connections that are not settled. */
  transfers: Record<string, number>
  warnings: string[]
  /** Longest time for which the parent's event loop was blocked or did not get to run, in milliseconds. */
  longestTurnMs: number
  left: { clones: number; children: number; connections: number; descriptors: number; readers: number }
  rssMib: number
}

const TICK_MS = 1
const CHANGES_PER_TICK = 5
/** One in this many answers is sent in pieces. */
const IN_PIECES = 20
const PIECES = 4
const PIECE_MS = 3
const WATCH_MS = 10
/** Number of collections until memory has dropped to what the process needs. */
const COLLECTIONS = 5
const COLLECTION_STEP_MS = 50
const PATIENCE_MS = 30_000
/** Descriptors that the library and Node open at the first clone, and keep. */
const MOST_OPENED_LATER = 4
const MIB = 2 ** 20

/** Part that runs in its own process: an HTTP, an ndjson and a kdb+ server that share their data. */
export async function serve(): Promise<void> {
  let scene: Scene | undefined
  await answerQuestions<Question, Answer>(async (question) => {
    if (question.ask === 'start') {
      scene = new Scene(question.seed, question.faults)
      return { ports: await scene.start() }
    }
    if (!scene) throw new Error(`Expected the question start first, got ${question.ask}`)
    if (question.ask === 'transfers') return { transfers: scene.settle(question.ids) }
    if (question.ask === 'memory') return { rssMib: await rssMib() }
    return { end: await scene.end() }
  })
}

async function rssMib(): Promise<number> {
  for (let i = 0; i < COLLECTIONS; i++) {
    gc()
    // V8's threads unmap what it no longer needs.
    await delay(COLLECTION_STEP_MS)
  }
  return Math.round(process.memoryUsage.rss() / MIB)
}

class Scene {
  readonly #state = new State()
  readonly #random: Random
  readonly #http = createHttp((request, response) => {
    // A client whose reader was killed leaves in the middle of its request.
    this.#handle(request, response).catch(() => response.destroy())
  })
  readonly #ndjson = createServer()
  readonly #kdb = createServer()
  readonly #epochs: readonly Epochs[]
  readonly #faults: Faults | undefined
  readonly #killed: Killed[] = []
  readonly #warnings: string[] = []
  #forks = 0
  #longestTurnMs = 0
  #descriptors = 0
  #timers: NodeJS.Timeout[] = []

  constructor(seed: number, faults: boolean) {
    this.#random = new Random(seed, 0)
    const random = (index: number) => new Random(seed, index)
    this.#epochs = [
      new Epochs(this.#http, random(1), faults, () => ({})),
      new Epochs(this.#ndjson, random(2), faults, (epoch) =>
        speakIn(this.#ndjson, {
          codec: ndjson(),
          evaluate: (query) => this.#state.answer(query as Asked, epoch()),
          onUpdate: (update) => this.#apply(update as [string, number, number]),
        }),
      ),
      new Epochs(this.#kdb, random(3), faults, (epoch) =>
        speakIn(this.#kdb, {
          codec: kdb(),
          evaluate: (query) =>
            JSON.stringify(this.#state.answer(JSON.parse(String(query)) as Asked, epoch())),
          onUpdate: (update) => this.#apply(JSON.parse(String(update)) as [string, number, number]),
        }),
      ),
    ]
    const readers = () => this.#epochs.map(({ readers }) => readers).filter((one) => one !== undefined)
    if (faults) this.#faults = new Faults(random(4), readers)
  }

  async start(): Promise<Ports> {
    process.on('warning', ({ message }) => this.#warnings.push(message))
    const [http, ndjson, kdb] = await Promise.all([this.#http, this.#ndjson, this.#kdb].map(listenOn))
    this.#descriptors = countDescriptors()
    this.#watch()
    await settle()
    for (const epochs of this.#epochs) void epochs.play()
    this.#faults?.begin()
    return { http, ndjson, kdb } as Ports
  }

  settle(ids: readonly string[]): Record<string, number> {
    const { transfers } = this.#state
    const settled = ids.map((id): [string, number] => [id, transfers.get(id) ?? 0])
    for (const id of ids) transfers.delete(id)
    return Object.fromEntries(settled)
  }

  async end(): Promise<EndFigures> {
    await this.#faults?.end()
    await Promise.all(this.#epochs.map((epochs) => epochs.end()))
    const servers: Server[] = [this.#http, this.#ndjson, this.#kdb]
    const readersLeft = this.#epochs.reduce((sum, { readersLeft }) => sum + readersLeft, 0)
    let connections = -1
    const look = async () => {
      const counts = await Promise.all(servers.map(connectionsOf))
      connections = counts.reduce((sum, count) => sum + count, 0)
    }
    await until(() => {
      void look()
      return connections === 0 && clones().length === 0
    }, PATIENCE_MS)
    for (const timer of this.#timers) clearInterval(timer)
    const mostDescriptors = this.#descriptors + MOST_OPENED_LATER
    await until(() => countDescriptors() <= mostDescriptors, PATIENCE_MS)
    const left = {
      clones: clones().length,
      children: children().length,
      connections,
      descriptors: Math.max(0, countDescriptors() - mostDescriptors),
      readers: readersLeft,
    }
    const figures = this.#epochs.map((epochs) => epochs.figures())
    const sum = (name: keyof Omit<EpochFigures, 'swapMs' | 'ageMs' | 'late'>) =>
      figures.reduce((sum, figures) => sum + figures[name], 0)
    for (const server of servers) server.close()
    return {
      epochs: sum('epochs'),
      swaps: sum('swaps'),
      deferred: sum('deferred'),
      respawns: sum('respawns'),
      forwarded: sum('forwarded'),
      lost: sum('lost'),
      swapMs: Object.assign({}, ...figures.map(({ swapMs }) => swapMs)),
      ageMs: Object.assign({}, ...figures.map(({ ageMs }) => ageMs)),
      late: figures.flatMap(({ late }) => late),
      forks: this.#forks,
      killed: this.#killed,
      faults: this.#faults?.figures ?? {},
      transfers: Object.fromEntries(this.#state.transfers),
      warnings: this.#warnings,
      longestTurnMs: Math.round(this.#longestTurnMs),
      left,
      rssMib: await rssMib(),
    }
  }

  /** Changes the data, and records killed readers. */
  #watch(): void {
    const random = this.#random
    const change = () => {
      for (let i = 0; i < CHANGES_PER_TICK; i++)
        this.#state.transfer(random.below(ACCOUNTS), random.below(ACCOUNTS), 1)
    }
    /** The most connections that each reader had lately. */
    const connections = new Map<number, number>()
    let last = performance.now()
    const look = () => {
      const now = performance.now()
      this.#longestTurnMs = Math.max(this.#longestTurnMs, now - last - WATCH_MS)
      last = now
      for (const { readers } of this.#epochs) {
        for (const reader of readers?.stats().readers ?? [])
          connections.set(reader.pid, Math.max(reader.connections, connections.get(reader.pid) ?? 0))
      }
    }
    handlers.newClone.shim((prev, clone, kind) => {
      this.#forks++
      prev(clone, kind)
    })
    handlers.oldClone.shim((prev, status, kind) => {
      const { pid, signal } = status
      if (signal !== undefined || status.status !== 0) {
        this.#killed.push({ pid, at: Date.now(), connections: connections.get(pid) ?? 0 })
      }
      connections.delete(pid)
      prev(status, kind)
    })
    this.#timers = [setInterval(change, TICK_MS), setInterval(look, WATCH_MS)]
  }

  #apply([id, from, to]: [string, number, number]): void {
    this.#state.transferFor(id, from, to)
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { searchParams } = new URL(request.url ?? '', 'http://a')
    const asked = JSON.parse(searchParams.get('asked') ?? '') as Asked
    let received = 0
    if (request.method === 'POST') {
      for await (const chunk of request) received += (chunk as Buffer).length
      this.#state.transferFor(asked.id, asked.nonce, received)
    }
    const epoch = this.#epochs[0]?.current as Epoch
    const text = JSON.stringify({ ...this.#state.answer(asked, epoch), received })
    response.setHeader('content-type', 'application/json')
    if (asked.nonce % IN_PIECES !== 1) {
      response.end(text)
      return
    }
    const length = Math.ceil(text.length / PIECES)
    for (let at = 0; at < text.length; at += length) {
      response.write(text.slice(at, at + length))
      await delay(PIECE_MS)
    }
    response.end()
  }
}

/** Makes a server speak a codec with clients that connect while it has no readers. */
function speakIn(server: Server, speaking: Required<Speaking>): Speaking {
  server.removeAllListeners('connection')
  server.on('connection', (socket) => {
    const conversation = speaking.codec.open()
    socket.on('error', () => {})
    socket.on('data', (chunk) => {
      for (const message of conversation.receive(chunk)) {
        if (message.kind === 'send') socket.write(message.bytes)
        else if (message.kind === 'update') speaking.onUpdate(message.value)
        else if (message.kind === 'query')
          socket.write(conversation.reply(message, speaking.evaluate(message.value)))
      }
    })
  })
  return speaking
}

type Speaking = Pick<SpeakingOptions, 'codec' | 'evaluate' | 'onUpdate'>

function connectionsOf(server: Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.getConnections((error, count) => (error ? reject(error) : resolve(count)))
  })
}
