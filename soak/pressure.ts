import { setTimeout as delay } from 'node:timers/promises'
import { readArgs } from '../harness/args.js'
import { type OpenPart, openPart, program, report } from '../harness/program.js'
import { rounded } from '../harness/stats.js'
import { printTable } from '../harness/table.js'
import { askOften, askOnce, type Course, Phase, type Phases } from './pressure/client.js'
import {
  type Answer,
  MAX_AGE_MS,
  MODES,
  type Mode,
  type Question,
  type ServerState,
  serve,
} from './pressure/server.js'

const options = readArgs(
  `Usage: npm run soak -- pressure [options]

Refuses each fork for an hour, or as long as you say, as if memory were short: configure() says that each clone needs more
than there is. Two readers go on with the data they have. After a third of the time one of them is killed, after two
thirds the other, so that the parent serves. Another server has a reader for each connection. Passes if no request fails
but those of the killed readers, the readers say how old their data is, the parent tries again every few seconds and needs
no more memory and descriptors, and all is as before once forks are possible again.`,
  {
    minutes: { about: 'how long', fallback: 60, fraction: true, min: 0.5, max: 10_000 },
    clients: { about: 'clients of each kind', fallback: 2, min: 1, max: 100 },
    pause: { about: 'between two requests of a client, in milliseconds', fallback: 500, min: 0, max: 60_000 },
  },
)

const BEFORE_MS = 5000
const AFTER_MS = 5000
/** Maximum time until readers serve again after the pressure: the longest pause between two attempts, and forks. */
const RECOVERY_MS = 10_000
/** Longest and shortest pause between two attempts, once some have failed. */
const [LONGEST_PAUSE_MS, SHORTEST_PAUSE_MS] = [5000, 2500]
/** Attempts with shorter pauses at the beginning, and after a reader was killed. */
const FIRST_ATTEMPTS = 30
const LOOK_MS = 1000
const POLL_MS = 50
/** Time until the readers of a generation serve, and a request is answered. */
const AGE_ROOM_MS = 2000
const MAX_GROWTH_MIB = 20
const MARGIN_MS = 120_000
const SHOWN = 10
/** V8 grows the young generation at some point, which would look like a leak. */
const SERVER_FLAGS = ['--max-semi-space-size=1']

const PHASES = ['before', 'two readers', 'one killed', 'both killed', 'after'] as const
type PhaseName = (typeof PHASES)[number]

const newPhases = (): Phases => ({ 'two readers': new Phase(), 'one for each': new Phase() })

/** Observations of the server. */
interface Seen {
  readonly phases: Record<PhaseName, Phases>
  readonly wrong: readonly string[]
  /** Connections of the killed readers. */
  readonly mayFail: number
  /** At the beginning and at the end of the pressure. */
  readonly first: Look
  /** When both readers have been killed. */
  readonly without: Look
  readonly last: Look
  readonly end: ServerState
  readonly recoveryMs: number
}

interface Look {
  readonly state: ServerState
  readonly memory: { rssMib: number; descriptors: number }
}

const ms = options.minutes * 60_000

async function main(): Promise<boolean> {
  const server = openPart<Question, Answer>('server', { flags: SERVER_FLAGS, limitMs: ms + MARGIN_MS })
  const { ports } = await server.ask({ what: 'start' })
  if (!ports) throw new Error('Expected the server to have started')
  const phases = Object.fromEntries(PHASES.map((name) => [name, newPhases()])) as Record<PhaseName, Phases>
  let [now, isGoing]: [PhaseName, boolean] = ['before', true]
  const course: Course = { pauseMs: options.pause, going: () => isGoing, now: () => phases[now] }
  const clients = MODES.flatMap((mode) =>
    [askOften, askOnce].flatMap((ask) =>
      Array.from({ length: options.clients }, () => ask(ports[mode], mode, course)),
    ),
  )
  try {
    const seen = await watch(server, (phase) => {
      now = phase
    })
    isGoing = false
    await Promise.all(clients)
    await server.ask({ what: 'end' })
    await server.end()
    return judge({ ...seen, phases })
  } finally {
    isGoing = false
  }
}

/** Takes the server through all phases. */
async function watch(
  server: OpenPart<Question, Answer>,
  enter: (phase: PhaseName) => void,
): Promise<Omit<Seen, 'phases'>> {
  const state = async () => (await server.ask({ what: 'state' })).state as ServerState
  const look = async () => {
    const { memory } = await server.ask({ what: 'memory' })
    return { state: await state(), memory } as Look
  }
  await delay(BEFORE_MS)
  await server.ask({ what: 'pressure', isOn: true })
  enter('two readers')
  // A generation may have been in progress.
  await delay(LOOK_MS)
  const first = await look()
  const begun = performance.now()
  const wrong: string[] = []
  const watchUntil = async (end: number, phase: PhaseName) => {
    while (performance.now() - begun < end) {
      await delay(LOOK_MS)
      wrong.push(...judgeNow(first.state, await state(), performance.now() - begun, phase))
    }
  }
  let mayFail = 0
  const kill = async (phase: PhaseName) => {
    enter(phase)
    mayFail += (await server.ask({ what: 'kill' })).connections ?? 0
  }
  await watchUntil(ms / 3, 'two readers')
  await kill('one killed')
  await watchUntil((ms / 3) * 2, 'one killed')
  await kill('both killed')
  await delay(LOOK_MS)
  const without = await look()
  await watchUntil(ms, 'both killed')
  const last = await look()
  enter('after')
  await server.ask({ what: 'pressure', isOn: false })
  const recoveryMs = await untilRecovered(state, last.state)
  await delay(AFTER_MS)
  return { wrong, mayFail, first, without, last, end: await state(), recoveryMs }
}

function judge({ phases, wrong, mayFail, first, without, last, end, recoveryMs }: Seen): boolean {
  const attemptsOf = (mode: Mode) => last.state.servers[mode].deferred - first.state.servers[mode].deferred
  const [attempts, attemptsForEach] = [attemptsOf('two readers'), attemptsOf('one for each')]
  // The next generation and replacements for ended readers are attempted separately.
  const mostAttempts = (2 * ms) / SHORTEST_PAUSE_MS + FIRST_ATTEMPTS
  const all = Object.values(phases).flatMap((phase) => Object.values(phase))
  const failedOf = (mode: Mode, among: readonly PhaseName[] = PHASES) =>
    among.reduce((sum, phase) => sum + phases[phase][mode].failed, 0)
  const { codes, warnings, cpuMs, forks } = last.state
  const growthMib = last.memory.rssMib - first.memory.rssMib
  const moreDescriptors = last.memory.descriptors - without.memory.descriptors
  const isFresh = MODES.every((mode) => phases.after[mode].oldestMs <= MAX_AGE_MS + AGE_ROOM_MS)
  const met = {
    failed:
      failedOf('two readers') <= mayFail &&
      failedOf('two readers', ['before', 'after']) + failedOf('one for each') === 0,
    wrong: wrong.length === 0,
    served: isServedAsExpected(phases),
    forks: forks === first.state.forks,
    attempts: attempts >= ms / LONGEST_PAUSE_MS - 1 && Math.max(attempts, attemptsForEach) <= mostAttempts,
    told: codes.length === 1 && codes[0] === 'ERR_QCLONE_MEMORY',
    lost: MODES.every((mode) => end.servers[mode].lost === 0),
    recovered: recoveryMs <= RECOVERY_MS && isFresh,
    // Clients that connect for each request may be connected at one time and not at another.
    memory: growthMib <= MAX_GROWTH_MIB && moreDescriptors <= MODES.length * options.clients,
  }
  if (!options.json) {
    printTable(
      PHASES.flatMap((phase) =>
        MODES.map((mode) => {
          const { byReaders, byParent, failed, oldestMs } = phases[phase][mode]
          return { phase, server: mode, byReaders, byParent, failed, oldestMs: Math.round(oldestMs) }
        }),
      ),
    )
    console.log()
  }
  report(
    {
      node: process.version,
      met,
      minutes: options.minutes,
      attempts,
      'attempts, one for each': attemptsForEach,
      forks: forks - first.state.forks,
      failed: Object.fromEntries(MODES.map((mode) => [mode, failedOf(mode)])),
      mayFail,
      failures: [...new Set(all.flatMap(({ failures }) => [...failures]))],
      wrong: wrong.slice(0, SHOWN),
      codes,
      warnings: warnings.slice(0, SHOWN),
      'CPU time of the parent, ms a second': rounded((cpuMs - first.state.cpuMs) / (ms / 1000)),
      'MiB more': rounded(growthMib),
      'descriptors more': moreDescriptors,
      'until readers served again, ms': Math.round(recoveryMs),
      ...(options.json && { phases }),
    },
    options.json,
  )
  return Object.values(met).every(Boolean)
}

/** Returns the faults found `elapsedMs` after the pressure began. */
function judgeNow(first: ServerState, now: ServerState, elapsedMs: number, phase: PhaseName): string[] {
  const [before, { generation, ageMs, readers }] = [first.servers['two readers'], now.servers['two readers']]
  const wrong: string[] = []
  const expect = (isRight: boolean, what: string) => {
    if (!isRight) wrong.push(`${Math.round(elapsedMs / 1000)} s, ${phase}: ${what}`)
  }
  expect(generation === before.generation, `generation ${generation} after ${before.generation}`)
  if (phase !== 'both killed')
    expect(ageMs >= elapsedMs - AGE_ROOM_MS, `readers say that their data is ${Math.round(ageMs)} ms old`)
  const most = PHASES.indexOf('both killed') - PHASES.indexOf(phase)
  expect(readers <= most, `${readers} readers`)
  return wrong
}

/** Whether readers served while there were any, and otherwise the parent. */
function isServedAsExpected(phases: Record<PhaseName, Phases>): boolean {
  const of = (phase: PhaseName) => phases[phase]['two readers']
  return (
    of('before').byReaders > 0 &&
    of('two readers').byReaders > 0 &&
    of('two readers').byParent === 0 &&
    of('one killed').byReaders > 0 &&
    of('one killed').byParent === 0 &&
    of('both killed').byParent > 0 &&
    of('after').byReaders > 0 &&
    phases.before['one for each'].byReaders > 0 &&
    phases['two readers']['one for each'].byParent > 0 &&
    phases['both killed']['one for each'].byReaders === 0 &&
    phases.after['one for each'].byReaders > 0
  )
}

/** Waits until both servers have readers again. @returns how long that took, in milliseconds. */
async function untilRecovered(state: () => Promise<ServerState>, last: ServerState): Promise<number> {
  const begun = performance.now()
  for (;;) {
    const { servers } = await state()
    const ms = performance.now() - begun
    const isOver = MODES.every((mode) => servers[mode].generation > last.servers[mode].generation)
    if (isOver || ms > RECOVERY_MS) return ms
    await delay(POLL_MS)
  }
}

await program({ server: serve }, main)
