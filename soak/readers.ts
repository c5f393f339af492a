import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { readCommandLine, readNumber } from '../harness/args.js'
import { findCommand } from '../harness/clients/command.js'
import { inFolder } from '../harness/clients/folder.js'
import { type Nginx, startNginx, WAYS } from '../harness/clients/nginx.js'
import { processesWith } from '../harness/proc.js'
import { openPart, program, report } from '../harness/program.js'
import { Random } from '../harness/random.js'
import { printTable } from '../harness/table.js'
import { until } from '../harness/until.js'
import type { Client, Scope } from './readers/clients.js'
import { askOften, askOnce, askThroughNginx, shoot } from './readers/http-clients.js'
import { askByLibrary, type Library, libraries } from './readers/library-clients.js'
import { type Answer, type EndFigures, type Ports, type Question, serve } from './readers/server.js'
import { KDB, NDJSON, requestOnce, talk } from './readers/talk-clients.js'
import { type Old, Tally } from './readers/tally.js'

const USAGE = `Usage: npm run soak -- readers [options]

Readers serve an HTTP server, one of ndjson and one of kdb+, a new generation every 50 to 200 ms, with other options
every few seconds. Clients of many kinds stay connected meanwhile: autocannon, nginx, node-q, qPython, and clients that
cut what they send at random. Passes if each gets exactly its own answers, none of them older than promised, every change
is applied once, and nothing is left in the end. With faults, only requests of a reader that was killed may fail.

  --minutes M      how long, 0.1 to 10000 (default 5)
  --clients N      clients of each kind, 1 to 100 (default 3)
  --seed S         seed of all random choices, 0 to 2147483648 (default 1)
  --faults         kill and stop readers, refuse forks, and have the parent take long turns
  --json           print one JSON object on stdout instead of lines
  --help           print this
`

const options = readCommandLine(
  USAGE,
  {
    minutes: { type: 'string' },
    clients: { type: 'string' },
    seed: { type: 'string' },
    faults: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
  ({ minutes, clients, seed, faults, json }) => ({
    minutes: readNumber('minutes', minutes, { fallback: 5, fraction: true, min: 0.1, max: 10_000 }),
    clients: readNumber('clients', clients, { fallback: 3, min: 1, max: 100 }),
    seed: readNumber('seed', seed, { fallback: 1, min: 0, max: 2 ** 31 }),
    faults,
    json,
  }),
)

/** V8 grows the young generation at some point during the soak, which would look like a leak. */
const SERVER_FLAGS = ['--max-semi-space-size=1']
const MARGIN_MS = 180_000
/** Maximum memory growth between an early moment and the end. */
const MAX_GROWTH_MIB = 20
/** Share of the time after which memory is first measured. */
const EARLY_SHARE = 0.25
const PROGRESS_MS = 30_000
const DYING_LIMIT_MS = 10_000
const SHOWN = 10
/** Allowed staleness beyond the duration of swaps and turns of the parent. */
const STALENESS_ROOM_MS = 200
/** Environment variable that marks the processes of this program. */
const MARK = 'QCLONE_READERS'

async function main(): Promise<boolean> {
  // Faults end connections, and libraries do not reconnect.
  const ofKdb = options.faults ? [] : libraries()
  const mark = randomUUID()
  process.env[MARK] = mark
  const ms = options.minutes * 60_000
  const server = openPart<Question, Answer>('server', {
    flags: SERVER_FLAGS,
    limitMs: ms + MARGIN_MS,
    noisy: true,
    withoutCores: true,
  })
  const { ports } = await server.ask({ ask: 'start', seed: options.seed, faults: options.faults })
  if (!ports) throw new Error('Expected the server to have started')
  const tally = new Tally()
  const deadline = performance.now() + ms
  const scope: Scope = { tally, going: () => performance.now() < deadline }
  const changes = new Changes(tally)
  // The server answers one question at a time.
  let answered: Promise<Answer> = Promise.resolve({})
  const ask = (question: () => Question) => {
    answered = answered.then(() => server.ask(question()))
    return answered
  }
  const early = delay(ms * EARLY_SHARE).then(() => ask(() => ({ ask: 'memory' })))
  const progress = setInterval(async () => {
    tell(tally)
    const ids = changes.due()
    const { transfers } = await ask(() => ({ ask: 'transfers', ids }))
    changes.judge(ids, transfers ?? {})
  }, PROGRESS_MS)
  const nginxErrors = await play(ports, scope, ofKdb)
  clearInterval(progress)
  const { rssMib: earlyMib = 0 } = await early
  const { end } = await ask(() => ({ ask: 'end' }))
  if (!end) throw new Error('Expected the server to have ended')
  changes.judge(changes.rest(end.transfers), end.transfers)
  await server.end()
  await until(() => processesWith(MARK, mark).length === 0, DYING_LIMIT_MS)
  return judge(tally, end, {
    changes,
    nginxErrors,
    growthMib: end.rssMib - earlyMib,
    processes: processesWith(MARK, mark),
  })
}

/** Runs all clients until time is up. @returns the errors that nginx logged. */
function play(ports: Ports, scope: Scope, ofKdb: readonly Library[]): Promise<string> {
  return inFolder(async (folder) => {
    const target = { scheme: 'http', port: ports.http } as const
    const nginx = findCommand('nginx') === undefined ? undefined : await startNginx(target, folder)
    try {
      await Promise.all(startClients(ports, scope, ofKdb, nginx))
    } finally {
      await nginx?.end()
    }
    return nginx?.errors() ?? ''
  })
}

function startClients(
  { http, ndjson, kdb }: Ports,
  scope: Scope,
  ofKdb: readonly Library[],
  nginx?: Nginx,
): Array<Promise<void>> {
  let index = 100
  const client = (kind: string): Client => {
    index++
    return { kind, id: `${kind} ${index}`, random: new Random(options.seed, index) }
  }
  const each = (act: (client: Client) => Promise<void>, kind: string, count = options.clients) =>
    Array.from({ length: count }, () => act(client(kind)))
  return [
    ...each((one) => askOnce(one, http, scope), 'http, once'),
    ...each((one) => askOften(one, http, scope, 1), 'http, kept'),
    ...each((one) => askOften(one, http, scope), 'http, pipelined'),
    ...each((one) => shoot(one, http, scope), 'autocannon', 1),
    ...each((one) => talk(one, ndjson, NDJSON, scope), 'ndjson'),
    ...each((one) => talk(one, kdb, KDB, scope), 'kdb'),
    ...each((one) => requestOnce(one, kdb, scope), 'kdb, once', 1),
    ...ofKdb.flatMap((library) =>
      each((one) => askByLibrary(one, kdb, library, scope), `kdb, ${library.name}`),
    ),
    ...(nginx
      ? WAYS.flatMap((way) =>
          each((one) => askThroughNginx(one, nginx.targets[way], scope), `nginx, ${way}`, 1),
        )
      : []),
  ]
}

function tell(tally: Tally): void {
  const { answers, moves, failures, wrong } = tally
  process.stderr.write(
    `${answers} answers, ${moves} moves, ${failures.length} failed, ${wrong.length} wrong\n`,
  )
  for (const what of wrong.slice(0, SHOWN)) process.stderr.write(`  ${what}\n`)
}

interface Rest {
  readonly changes: Changes
  readonly nginxErrors: string
  readonly growthMib: number
  readonly processes: readonly number[]
}

function judge(tally: Tally, end: EndFigures, { changes, nginxErrors, growthMib, processes }: Rest): boolean {
  const { faults } = options
  const {
    killed,
    left,
    swapMs,
    ageMs,
    late,
    warnings,
    longestTurnMs,
    transfers,
    rssMib,
    faults: broken,
    forks,
    ...server
  } = end
  // A killed reader loses its own connections, and no others.
  const mayFail = faults ? killed.reduce((sum, { connections }) => sum + connections, 0) : 0
  const isOld = ({ epoch, maxAge, ms }: Old) => {
    const swap = swapMs[epoch] ?? 0
    // When a generation begins to serve, its age is the duration of its swap. It serves until the next one does. If a
    // fork has to wait for a thread, the parent reports the age.
    const age = Math.max(ageMs[epoch] ?? 0, Math.max(maxAge, swap) + swap)
    return ms > age + longestTurnMs + STALENESS_ROOM_MS
  }
  const old = tally.old.filter((one) => isOld(one) && !late.includes(one.epoch))
  const kinds = Object.keys(tally.right)
  const met = {
    answers: tally.wrong.length === 0 && kinds.length > 0,
    failures: tally.failures.length <= mayFail,
    killed: faults || killed.length === 0,
    old: faults || old.length === 0,
    changes: changes.wrong.length === 0,
    swaps: server.swaps > 0 && tally.moves > 0,
    lost: server.lost === 0,
    nginx: faults || nginxErrors === '',
    warnings: faults || warnings.length === 0,
    left: Object.values(left).every((count) => count === 0) && processes.length === 0,
    memory: growthMib <= MAX_GROWTH_MIB,
  }
  const figures = {
    node: process.version,
    met,
    requests: tally.answers,
    byParent: tally.byParent,
    connections: tally.connections,
    moves: tally.moves,
    ...server,
    forks,
    changes: changes.applied,
    wrong: tally.wrong.length,
    failed: tally.failures.length,
    mayFail,
    killed: killed.length,
    faults: broken,
    older: old.length,
    olderWhenDeferred: tally.old.filter((one) => isOld(one) && late.includes(one.epoch)).length,
    mostBeyondMaxAgeMs: tally.mostBeyondMs,
    longestTurnMs,
    longestSwapMs: Math.round(Math.max(0, ...Object.values(swapMs))),
    oldestMs: Math.round(Math.max(0, ...Object.values(ageMs))),
    left: { ...left, processes: processes.length },
    rssMib,
    growthMib,
  }
  const examples = {
    wrong: tally.wrong.slice(0, SHOWN),
    failures: tally.failures.slice(0, SHOWN).map(({ kind, what }) => `${kind}: ${what}`),
    old: old.slice(0, SHOWN),
    changes: changes.wrong.slice(0, SHOWN),
    nginx: nginxErrors.split('\n').slice(0, SHOWN),
    warnings: warnings.slice(0, SHOWN),
    killed: killed.slice(0, SHOWN),
  }
  if (options.json) {
    report({ ...figures, right: tally.right, examples }, true)
  } else {
    printTable(kinds.sort().map((kind) => ({ kind, right: tally.right[kind] as number })))
    console.log()
    report(figures, false)
    for (const [name, some] of Object.entries(examples)) {
      if (met[name as keyof typeof met] === false || (name === 'wrong' && some.length > 0))
        console.log(name, some)
    }
  }
  return Object.values(met).every(Boolean)
}

/** Checks that each connection's changes were applied once. With faults, a change without an answer may be lost. */
class Changes {
  applied = 0
  readonly wrong: string[] = []
  readonly #tally: Tally
  #closed: string[] = []

  constructor(tally: Tally) {
    this.#tally = tally
  }

  /** Connections closed before the last call: everything they sent has been applied. */
  due(): string[] {
    const due = this.#closed
    this.#closed = this.#tally.closed
    this.#tally.closed = []
    return due
  }

  /** All remaining connections, including those known only to the server. */
  rest(applied: Record<string, number>): string[] {
    return [...new Set([...this.#tally.sent.keys(), ...Object.keys(applied)])]
  }

  judge(ids: readonly string[], applied: Record<string, number>): void {
    const { sent, acknowledged } = this.#tally
    for (const id of ids) {
      const [most = 0, done = 0] = [sent.get(id), applied[id]]
      const least = options.faults ? (acknowledged.get(id) ?? 0) : most
      if (done < least || done > most) this.wrong.push(`${id}: ${done} of ${least} to ${most} changes`)
      this.applied += done
      sent.delete(id)
      acknowledged.delete(id)
    }
  }
}

await program({ server: serve }, main)
