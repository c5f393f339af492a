import { randomUUID } from 'node:crypto'
import { cpus } from 'node:os'
import { readArgs } from '../harness/args.js'
import { processesWith } from '../harness/proc.js'
import { type OpenPart, openPart, program } from '../harness/program.js'
import { until } from '../harness/until.js'
import { type Company, type CompanyQuestion, type Fates, keepCompany } from './hostile/company.js'
import { beHonest, type HonestQuestion, type Window } from './hostile/honest.js'
import { conclude, inWords, type Measured, type Outcome } from './hostile/report.js'
import {
  type Ports,
  type Rest,
  type Seen,
  type ServerAnswer,
  type ServerQuestion,
  serve,
} from './hostile/server.js'

const options = readArgs(
  `Usage: npm run soak -- hostile [options]

Honest clients send requests to a server with default options, which answers by clones: first alone, then together with
hostile clients, then alone again.

- Slow readers request 32 MiB and read nothing, or one byte per second.
- Slow writers send a head, a body, or the rest of a body of more than 1 MiB, one byte every half second.
- Bombers are refused by kdb+. Right after their greeting they send 550 kB that uncompress to 64 MiB.

Each hostile client reconnects a second after it was disconnected.

The pauses of the honest clients are so long that they keep the CPUs half busy when they are alone, however fast the
machine is: a slowdown is then due to the hostile clients and not to a full machine. With two CPUs and answers that take
25 ms of CPU time, 20 clients pause 475 ms.

Passes if the honest clients get 95 % of the answers per second that they get alone, and no errors, and the server
survives, uses at most 64 MiB more than in the first window, and has nothing left at the end.`,
  {
    minutes: { about: 'minutes of the hostile window', fallback: 5, fraction: true, min: 0.1, max: 1000 },
    alone: { about: 'seconds of each of the two windows around it', fallback: 60, min: 1, max: 3600 },
    'warm-up': {
      about:
        'seconds before the first window, in which the server reaches the memory it has with honest clients',
      fallback: 60,
      min: 1,
      max: 3600,
    },
    clients: { about: 'honest clients', fallback: 20, min: 1, max: 500 },
    busy: {
      about: 'percent of the CPU time used while honest clients are alone, which their pauses are chosen for',
      fallback: 50,
      min: 5,
      max: 95,
    },
    saturated: {
      about: 'seconds of two more windows without pauses, not judged',
      fallback: 0,
      min: 0,
      max: 3600,
    },
    readers: { about: 'slow readers', fallback: 200, min: 0, max: 2000 },
    heads: { about: 'slow writers of heads', fallback: 67, min: 0, max: 2000 },
    bodies: { about: 'slow writers of bodies below 1 MiB', fallback: 67, min: 0, max: 2000 },
    'long-bodies': { about: 'slow writers of bodies above 1 MiB', fallback: 66, min: 0, max: 2000 },
    bombers: { about: 'kdb+ clients that send bombs', fallback: 10, min: 0, max: 200 },
    'heap-mb': { about: 'heap of JavaScript objects, in MiB', fallback: 100, min: 10, max: 16_000 },
  },
)

/** Pause of the honest clients while the right pause is determined. */
const FIRST_PAUSE_MS = 500
/** Time for which the honest clients are measured to determine it. */
const FINDING_SECONDS = 15
/** Time between a window with hostile clients and the next. */
const AFTERWARDS_SECONDS = 3
/** Leaves time for the server to become idle between windows. */
const MARGIN_FACTOR = 2
/** Time to start and to end. */
const MARGIN_MS = 300_000
const END_LIMIT_MS = 5000
/** Environment variable that marks the processes of this program. */
const MARK = 'QCLONE_HOSTILE'

const company: Company = {
  readers: options.readers,
  heads: options.heads,
  bodies: options.bodies,
  longBodies: options['long-bodies'],
  bombers: options.bombers,
}

async function main(): Promise<boolean> {
  const mark = randomUUID()
  process.env[MARK] = mark
  const total = FINDING_SECONDS + options.minutes * 60 + 2 * options.alone + 2 * options.saturated
  const limitMs = MARGIN_FACTOR * (options['warm-up'] + total) * 1000 + MARGIN_MS
  const server = openPart<ServerQuestion, ServerAnswer>('server', { limitMs })
  const honest = openPart<HonestQuestion, Window>('honest', { limitMs })
  const hostile = openPart<CompanyQuestion, Fates>('company', { limitMs })
  try {
    const figures = await measure({ server, honest, hostile })
    await Promise.all([honest.end(), hostile.end()])
    const left = (await server.ask({ what: 'end' })) as Rest
    await server.end()
    await until(() => processesWith(MARK, mark).length === 0, END_LIMIT_MS)
    const processes = processesWith(MARK, mark).length
    return conclude({ ...figures, left: { ...left, processes } }, options.json)
  } finally {
    // If one part has died, the others can stop.
    await Promise.allSettled([server, honest, hostile].map((part) => part.end()))
  }
}

interface Parts {
  readonly server: OpenPart<ServerQuestion, ServerAnswer>
  readonly honest: OpenPart<HonestQuestion, Window>
  readonly hostile: OpenPart<CompanyQuestion, Fates>
}

async function measure({ server, honest, hostile }: Parts): Promise<Omit<Outcome, 'left'>> {
  const { http, kdb } = (await server.ask({ what: 'ports' })) as Ports
  let thinkMs = FIRST_PAUSE_MS
  const window = async (company: boolean, seconds: number, pauseMs = thinkMs): Promise<Measured> => {
    await server.ask({ what: 'seen' })
    const before = cpuTimes()
    if (company) await hostile.ask({ what: 'begin', http, kdb })
    const seenByClients = await honest.ask({ what: 'measure', seconds, thinkMs: pauseMs })
    const idle = idleSince(before)
    const seen = (await server.ask({ what: 'seen' })) as Seen
    if (company) {
      await hostile.ask({ what: 'end' })
      await server.ask({ what: 'rest' })
      // A queue that builds up at the start does not belong to the measurement.
      await honest.ask({ what: 'measure', seconds: AFTERWARDS_SECONDS, thinkMs })
    }
    const measured = { ...seenByClients, company, seen, idle }
    if (!options.json) process.stderr.write(`${inWords(measured)}\n`)
    return measured
  }
  await honest.ask({ what: 'begin', port: http, clients: options.clients })
  await window(false, options['warm-up'])
  thinkMs = pauseFor(await window(false, FINDING_SECONDS))
  // Measured between two windows without hostile clients, so that drift of the machine cancels out.
  const windows = [
    await window(false, options.alone),
    await window(true, options.minutes * 60),
    await window(false, options.alone),
  ]
  const saturated =
    options.saturated > 0
      ? [await window(false, options.saturated, 0), await window(true, options.saturated, 0)]
      : []
  const { errors } = await honest.ask({ what: 'end' })
  const fates = await hostile.ask({ what: 'end' })
  return { thinkMs, windows, saturated, fates, errors }
}

/** Pause in milliseconds with which honest clients use the set share of CPU time, from a window with another pause. */
function pauseFor({ perSecond, idle }: Measured): number {
  const mostPerSecond = (perSecond * options.busy) / 100 / (1 - idle)
  const latencyMs = (options.clients * 1000) / perSecond - FIRST_PAUSE_MS
  return Math.max(0, Math.round((options.clients * 1000) / mostPerSecond - latencyMs))
}

/** Total over all CPUs. */
function cpuTimes() {
  const times = cpus().map(({ times }) => times)
  const idle = times.reduce((sum, { idle }) => sum + idle, 0)
  return { idle, all: times.reduce((sum, each) => sum + Object.values(each).reduce((a, b) => a + b), 0) }
}

function idleSince(before: { idle: number; all: number }): number {
  const now = cpuTimes()
  return (now.idle - before.idle) / (now.all - before.all)
}

await program(
  {
    server: () => serve(options['heap-mb']),
    honest: () => beHonest(FIRST_PAUSE_MS),
    company: () => keepCompany(company),
  },
  main,
)
