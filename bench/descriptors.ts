import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { type ForkTimings, handlers, run, type WaitStatus } from 'node-qclone'
import { readArgs } from './lib/args.js'
import { settle } from './lib/heap.js'
import { countDescriptors } from './lib/proc.js'
import { answerQuestions, openPart, program, report } from './lib/program.js'
import { median, rounded } from './lib/stats.js'
import { printTable } from './lib/table.js'

const options = readArgs(
  `Usage: npm run bench:descriptors -- [options]

Measures what open descriptors cost a fork: a server with no connections, with some and with many, all idle, makes
clones by \`run\` that do nothing. Prints the time that the parent stands still, the CPU time that parent and clone
spend, and the clone's page faults; then what each connection adds. Met when each clone ended well.`,
  {
    some: { about: 'connections, at first', fallback: 1000, min: 1, max: 20_000 },
    many: { about: 'connections, then', fallback: 15_000, min: 2, max: 20_000 },
    forks: { about: 'clones for each', fallback: 30, min: 4, max: 1000 },
    timeout: { about: 'timeout of each connection in seconds; 0: none', fallback: 0, min: 0, max: 3600 },
  },
)

/** The first forks compile this program and the library. */
const WARM_UP_FORKS = 5
/** Descriptors of a process besides its connections, and to spare for a clone. */
const OTHER_DESCRIPTORS = 200
/** Connections that a client opens at once: fewer than the server's backlog. */
const OPENED_AT_ONCE = 100
const LIMIT_MS = 600_000

type ServerQuestion = { connections: number } | 'port'
type ServerAnswer = number | Figures
interface ClientQuestion {
  port: number
  connections: number
}

/** Medians of a fork: milliseconds, and counts. */
interface Figures extends ForkTimings {
  connections: number
  descriptors: number
  /** CPU time of the parent from the call until the clone was reaped, which includes `totalMs`. */
  parentCpuMs: number
  /** The same for the first fork of all. */
  firstCpuMs: number
  /** CPU time of the clone. The kernel counts it exactly, but only estimates which part is its own. */
  cloneCpuMs: number
  cloneFaults: number
  /** From the call until its promise has settled. */
  answerMs: number
  /** Clones that did not exit with status 0. */
  failed: number
}

/** In a process of its own: the server, which forks. */
async function serve(): Promise<void> {
  const accepted: Socket[] = []
  const server = createServer((socket) => {
    socket.on('error', () => {})
    socket.setTimeout(options.timeout * 1000)
    accepted.push(socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  await answerQuestions<ServerQuestion, ServerAnswer>(async (question) => {
    if (question === 'port') return (server.address() as AddressInfo).port
    while (accepted.length < question.connections) await once(server, 'connection')
    return measure(question.connections)
  })
  server.close()
  for (const socket of accepted) socket.destroy()
}

async function measure(connections: number): Promise<Figures> {
  const forks: Fork[] = []
  const { parentCpuMs: firstCpuMs } = await oneFork()
  for (let round = -WARM_UP_FORKS; round < options.forks; round++) {
    const fork = await oneFork()
    if (round >= 0) forks.push(fork)
  }
  const of = (value: (fork: Fork) => number) => rounded(median(forks.map(value)))
  return {
    connections,
    descriptors: countDescriptors(),
    censusMs: of(({ timings }) => timings.censusMs),
    mapsMs: of(({ timings }) => timings.mapsMs),
    forkMs: of(({ timings }) => timings.forkMs),
    totalMs: of(({ timings }) => timings.totalMs),
    parentCpuMs: of(({ parentCpuMs }) => parentCpuMs),
    firstCpuMs: rounded(firstCpuMs),
    cloneCpuMs: of(({ status }) => cpuMs(status)),
    cloneFaults: of(({ status }) => status.rusage?.minorFaults ?? Number.NaN),
    answerMs: of(({ answerMs }) => answerMs),
    failed: forks.filter(({ status }) => status.status !== 0).length,
  }
}

function cpuMs({ rusage }: WaitStatus): number {
  return rusage ? (rusage.userUs + rusage.systemUs) / 1000 : Number.NaN
}

interface Fork {
  timings: ForkTimings
  parentCpuMs: number
  answerMs: number
  status: WaitStatus
}

async function oneFork(): Promise<Fork> {
  await settle()
  let timings: ForkTimings | undefined
  let leave = () => {}
  const exited = new Promise<WaitStatus>((resolve) => {
    const undoNew = handlers.newClone.shim((_, clone) => {
      timings = clone.timings
    })
    const undoOld = handlers.oldClone.shim((_, status) => resolve(status))
    leave = () => {
      undoNew()
      undoOld()
    }
  })
  const cpu = process.cpuUsage()
  const begun = performance.now()
  await run(() => 0)
  const answerMs = performance.now() - begun
  const status = await exited
  const { user, system } = process.cpuUsage(cpu)
  leave()
  if (!timings) throw new Error('no clone was announced')
  return { timings, parentCpuMs: (user + system) / 1000, answerMs, status }
}

/** In a process of its own: the other ends. */
async function connectAll(): Promise<void> {
  const sockets: Socket[] = []
  await answerQuestions<ClientQuestion, number>(async ({ port, connections }) => {
    const open = async () => {
      while (sockets.length < connections) {
        const socket = connect(port, '127.0.0.1')
        sockets.push(socket)
        await once(socket, 'connect')
        socket.on('error', () => {})
      }
    }
    await Promise.all(Array.from({ length: OPENED_AT_ONCE }, open))
    return sockets.length
  })
  for (const socket of sockets) socket.destroy()
}

/** @throws when this process may not open as many: node has raised the soft limit to the hard one. */
function expectRoomFor(connections: number): void {
  const [, soft] = /^Max open files +(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1')) ?? []
  if (soft === undefined || Number(soft) >= connections + OTHER_DESCRIPTORS) return
  throw new Error(
    `${connections} connections need more than ${soft} descriptors: raise \`ulimit -Hn\`, or lower --many`,
  )
}

/** The two are fresh for each number of connections: a table of descriptors never shrinks. */
async function measureWith(connections: number): Promise<Figures> {
  const server = openPart<ServerQuestion, ServerAnswer>('server', { limitMs: LIMIT_MS })
  const clients = openPart<ClientQuestion, number>('clients', { limitMs: LIMIT_MS })
  const port = (await server.ask('port')) as number
  await clients.ask({ port, connections })
  const figures = (await server.ask({ connections })) as Figures
  await server.end()
  await clients.end()
  return figures
}

/** What each connection adds, in microseconds. */
function added(none: Figures, many: Figures) {
  const each = (value: (figures: Figures) => number) =>
    rounded(((value(many) - value(none)) / many.connections) * 1000)
  return {
    standstillUs: each(({ totalMs }) => totalMs),
    parentCpuUs: each(({ parentCpuMs }) => parentCpuMs),
    cloneCpuUs: each(({ cloneCpuMs }) => cloneCpuMs),
    answerUs: each(({ answerMs }) => answerMs),
  }
}

await program({ server: serve, clients: connectAll }, async () => {
  const { some, many } = options
  if (some >= many) throw new RangeError(`Expected --some to be less than --many, got ${some} and ${many}`)
  expectRoomFor(many)
  const figures: Figures[] = []
  for (const connections of [0, some, many]) figures.push(await measureWith(connections))
  const each = added(figures[0] as Figures, figures.at(-1) as Figures)
  const met = figures.every(({ failed }) => failed === 0)
  if (options.json) {
    report({ node: process.version, met, figures, each }, true)
  } else {
    printTable(figures.map((of) => ({ ...of })))
    report({ node: process.version, met, ...each }, false)
  }
  return met
})
