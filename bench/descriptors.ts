import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { type ForkTimings, handlers, run, type WaitStatus } from 'node-qclone'
import { readArgs } from '../harness/args.js'
import { connectMany } from '../harness/connect-many.js'
import { settle } from '../harness/heap.js'
import { countDescriptors, expectRoomFor } from '../harness/proc.js'
import { answerQuestions, openPart, program, report } from '../harness/program.js'
import { median, rounded } from '../harness/stats.js'
import { printTable } from '../harness/table.js'

const options = readArgs(
  `Usage: npm run bench -- descriptors [options]

Measures what open descriptors cost a fork. A server with no connections, with some and with many, all idle, makes
clones by \`run\` that do nothing. Prints the time for which the parent is blocked, the CPU time of parent and clone,
and the clone's page faults, then the cost of each connection. Passes if every clone exits with status 0.`,
  {
    some: { about: 'connections in the smaller case', fallback: 1000, min: 1, max: 20_000 },
    many: { about: 'connections, then', fallback: 15_000, min: 2, max: 20_000 },
    forks: { about: 'clones per case', fallback: 30, min: 4, max: 1000 },
    timeout: { about: 'timeout of each connection in seconds; 0: none', fallback: 0, min: 0, max: 3600 },
  },
)

/** The first forks compile this program and the library. */
const WARM_UP_FORKS = 5
/** Descriptors of a process besides its connections, including spare ones for a clone. */
const OTHER_DESCRIPTORS = 200
const LIMIT_MS = 600_000

type ServerQuestion = { connections: number } | 'port'
type ServerAnswer = number | Figures
interface ClientQuestion {
  port: number
  connections: number
}

/** Medians per fork: milliseconds, and counts. */
interface Figures extends ForkTimings {
  connections: number
  descriptors: number
  /** CPU time of the parent from the call until the clone was reaped, including `totalMs`. */
  parentCpuMs: number
  /** Same as `parentCpuMs`, for the very first fork. */
  firstCpuMs: number
  /** CPU time of the clone. The kernel counts it exactly, but only estimates the shares of user and system time. */
  cloneCpuMs: number
  cloneFaults: number
  /** Time from the call until its promise settled. */
  answerMs: number
  /** Clones that did not exit with status 0. */
  failed: number
}

/** Part that runs in its own process: the server that forks. */
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
  if (!timings) throw new Error('newClone was not called')
  return { timings, parentCpuMs: (user + system) / 1000, answerMs, status }
}

/** Part that runs in its own process: the clients. */
async function connectAll(): Promise<void> {
  const sockets: Socket[] = []
  await answerQuestions<ClientQuestion, number>(async ({ port, connections }) => {
    await connectMany(port, connections, sockets)
    return sockets.length
  })
  for (const socket of sockets) socket.destroy()
}

/** Starts new processes for each number of connections, because a descriptor table never shrinks. */
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

/** Cost of each additional connection, in microseconds. */
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
  expectRoomFor(many + OTHER_DESCRIPTORS, 'lower --many')
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
