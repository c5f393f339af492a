import { createServer } from 'node:http'
import { cloneReaders, handlers, isReader, type Readers } from 'node-qclone'
import { gc } from '../../harness/heap.js'
import { listenOn } from '../../harness/listen.js'
import { countDescriptors } from '../../harness/proc.js'
import { answerQuestions } from '../../harness/program.js'
import { refuseForks } from '../../harness/refuse-forks.js'

/** Way connections are served: by two readers, or by one reader per connection. */
export type Mode = 'two readers' | 'one for each'
export const MODES: readonly Mode[] = ['two readers', 'one for each']

export type Question =
  | { what: 'start' }
  /** Starts or stops refusing forks, as if the machine had too little memory for a clone. */
  | { what: 'pressure'; isOn: boolean }
  /** Kills a reader of the first server. */
  | { what: 'kill' }
  | { what: 'state' }
  | { what: 'memory' }
  | { what: 'end' }

/** The field that is set depends on the question. */
export interface Answer {
  ports?: Record<Mode, number>
  /** Connections that the killed reader had. */
  connections?: number
  state?: ServerState
  memory?: { rssMib: number; descriptors: number }
}

export interface ServerState {
  readonly servers: Record<Mode, ModeState>
  readonly forks: number
  /** Distinct error codes of event `deferred`. */
  readonly codes: readonly string[]
  readonly warnings: readonly string[]
  /** CPU time of the parent so far, in milliseconds. */
  readonly cpuMs: number
}

export interface ModeState {
  readonly generation: number
  readonly ageMs: number
  readonly deferred: number
  readonly readers: number
  readonly lost: number
}

/** Response body. */
export interface Told {
  readonly reader: boolean
  /** Time of the data on the monotonic clock of the machine, in milliseconds. */
  readonly at: number
}

export const MAX_AGE_MS = 500
const TICK_MS = 20
const MIB = 2 ** 20

export const monotonicMs = () => Number(process.hrtime.bigint()) / 1e6

/** Part that runs in its own process: two HTTP servers whose data is the time, set every 20 ms. */
export async function serve(): Promise<void> {
  let allowForks = () => {}
  const data = { at: monotonicMs() }
  const ticking = setInterval(() => {
    data.at = monotonicMs()
  }, TICK_MS)
  const open = () =>
    createServer((_, response) => {
      response.end(JSON.stringify({ reader: isReader(), at: data.at } satisfies Told))
    })
  const servers = { 'two readers': open(), 'one for each': open() }
  const readers = {} as Record<Mode, Readers>
  const [codes, warnings] = [new Set<string>(), [] as string[]]
  let forks = 0
  handlers.newClone.shim((prev, clone, kind) => {
    forks++
    prev(clone, kind)
  })
  process.on('warning', ({ message }) => warnings.push(message))

  const start = async (): Promise<Record<Mode, number>> => {
    const ports = {} as Record<Mode, number>
    for (const mode of MODES) {
      ports[mode] = await listenOn(servers[mode])
      readers[mode] = cloneReaders(servers[mode], {
        maxAge: MAX_AGE_MS,
        ...(mode === 'one for each' ? { perConnection: true } : { readers: 2 }),
      })
      readers[mode].on('deferred', (error) => codes.add((error as { code?: string }).code ?? error.message))
      await readers[mode].ready
    }
    return ports
  }
  const stateOf = (mode: Mode): ModeState => {
    const { generation, age, deferred, lost, readers: live } = readers[mode].stats()
    return { generation, ageMs: age, deferred, lost, readers: live.length }
  }
  const kill = (): number => {
    const [reader] = readers['two readers'].stats().readers
    if (!reader) throw new Error('Expected a reader to kill')
    process.kill(reader.pid, 'SIGKILL')
    return reader.connections
  }
  const deeds: { [W in Question['what']]: (question: Question & { what: W }) => Answer | Promise<Answer> } = {
    start: async () => ({ ports: await start() }),
    pressure: ({ isOn }) => {
      if (isOn) allowForks = refuseForks()
      else allowForks()
      return {}
    },
    kill: () => ({ connections: kill() }),
    state: () => {
      const { user, system } = process.cpuUsage()
      return {
        state: {
          servers: { 'two readers': stateOf('two readers'), 'one for each': stateOf('one for each') },
          forks,
          codes: [...codes],
          warnings,
          cpuMs: (user + system) / 1000,
        },
      }
    },
    memory: () => {
      gc()
      return { memory: { rssMib: process.memoryUsage.rss() / MIB, descriptors: countDescriptors() } }
    },
    end: async () => {
      clearInterval(ticking)
      for (const mode of MODES) {
        await readers[mode].close()
        servers[mode].close()
      }
      return {}
    },
  }
  await answerQuestions<Question, Answer>((question) =>
    Promise.resolve(deeds[question.what](question as never)),
  )
}
