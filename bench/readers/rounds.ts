import { setTimeout as delay } from 'node:timers/promises'
import { memoryOf } from 'node-qclone'
import { familyOf } from '../../harness/proc.js'
import { type OpenPart, openPart, type PartOptions } from '../../harness/program.js'
import { median, rounded } from '../../harness/stats.js'
import type { UpdateFigures } from './data.js'
import type { Load, LoadQuestion } from './load.js'
import type { ServerAnswer, ServerQuestion, Spread } from './serve.js'

export interface RoundOptions {
  readonly connections: number
  readonly seconds: number
  /** Updates per second. */
  readonly rate: number
  readonly maxAge: number
}

/** One server under load, without and with updates. */
export type Kind =
  | 'one process'
  | 'cluster'
  | 'readers'
  | 'nobody, updated'
  | 'one process, updated'
  | 'readers, updated'

export const KINDS: readonly Kind[] = [
  'one process',
  'cluster',
  'readers',
  'nobody, updated',
  'one process, updated',
  'readers, updated',
]

const PARTS = { 'one process': 'plain', cluster: 'cluster', readers: 'readers', nobody: 'plain' } as const

/** Result of a window. */
export interface Window {
  load?: Load
  updates?: UpdateFigures
  spread?: Spread
}

export type Round = Record<Kind, Window>

/** Memory of all processes of a server under load, in MiB of PSS. */
export interface MemoryFigures {
  kind: Kind
  processes: number
  pssMib: number
}

/** Pause between windows, as long as a generation in progress takes. */
const BETWEEN_MS = 300
const MEMORY_LOOKS = 5
const MIB = 2 ** 20

type ServerPart = OpenPart<ServerQuestion, ServerAnswer>

/** Servers of all kinds, which wait for their turn, and the load generator. */
export class Rounds {
  readonly #options: RoundOptions
  readonly #servers = new Map<string, ServerPart>()
  readonly #load: OpenPart<LoadQuestion, Load>

  constructor(options: RoundOptions, part: PartOptions) {
    this.#options = options
    for (const name of ['plain', 'cluster', 'readers']) this.#servers.set(name, openPart(name, part))
    this.#load = openPart('load', { limitMs: part.limitMs })
  }

  /** Measures a window of each kind. */
  async measure(): Promise<Round> {
    const round = {} as Round
    for (const kind of KINDS) round[kind] = await this.#measureOne(kind)
    return round
  }

  async #measureOne(kind: Kind): Promise<Window> {
    const { server, rate } = this.#of(kind)
    const { port, pid } = await this.#begin(server, rate)
    const load = kind.startsWith('nobody') ? await this.#wait() : await this.#ask(port, pid)
    const { updates, spread } = await server.ask({ what: 'end' })
    await delay(BETWEEN_MS)
    return { ...(load && { load }), ...(updates && { updates }), ...(spread && { spread }) }
  }

  /** Memory of each kind under load. Measured separately, since measuring makes the kernel delay the processes. */
  async measureMemory(): Promise<MemoryFigures[]> {
    const all: MemoryFigures[] = []
    for (const kind of KINDS) {
      if (kind.startsWith('nobody')) continue
      const { server, rate } = this.#of(kind)
      const { port, pid } = await this.#begin(server, rate)
      const load = this.#ask(port, pid)
      const sums: number[] = []
      const counts: number[] = []
      for (let i = 0; i < MEMORY_LOOKS; i++) {
        await delay((this.#options.seconds * 1000) / MEMORY_LOOKS)
        const family = familyOf(pid)
        counts.push(family.length)
        sums.push(family.reduce((sum, { pid }) => sum + pssOf(pid), 0))
      }
      await load
      await server.ask({ what: 'end' })
      all.push({ kind, processes: median(counts), pssMib: rounded(median(sums) / MIB) })
    }
    return all
  }

  /** Can be called more than once. */
  async end(): Promise<void> {
    await Promise.all([this.#load, ...this.#servers.values()].map((part) => part.end()))
  }

  #of(kind: Kind): { server: ServerPart; rate: number } {
    const [name = '', updated] = kind.split(', ')
    const server = this.#servers.get(PARTS[name as keyof typeof PARTS]) as ServerPart
    return { server, rate: updated ? this.#options.rate : 0 }
  }

  async #begin(server: ServerPart, rate: number): Promise<ServerAnswer> {
    const { connections, maxAge } = this.#options
    const known = await server.ask({ what: 'begin', rate, connections })
    // While the data does not change, the parent looks for changes once per `maxAge`.
    if (rate > 0) await delay(2 * maxAge + BETWEEN_MS)
    return known
  }

  #ask(port: number, server: number): Promise<Load> {
    const { connections, seconds } = this.#options
    return this.#load.ask({ port, server, connections, seconds })
  }

  async #wait(): Promise<undefined> {
    await delay(this.#options.seconds * 1000)
  }
}

/** PSS in bytes; 0 if the process has just ended. */
function pssOf(pid: number): number {
  try {
    return memoryOf(pid).pss
  } catch {
    return 0
  }
}
