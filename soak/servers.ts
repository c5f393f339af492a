import { readArgs } from '../harness/args.js'
import { openPart, program, report } from '../harness/program.js'
import { startChaos } from './servers/chaos.js'
import { Tally } from './servers/expect.js'
import { startFeed } from './servers/feed.js'
import { askByHttp } from './servers/http-client.js'
import { askByQueries, stayInSession } from './servers/line-client.js'
import { type Leftovers, type Ports, type Question, serve } from './servers/server.js'

const options = readArgs(
  `Usage: npm run soak -- servers [options]

Clones serve HTTP requests, sessions and queries of one process. Meanwhile a feed changes its data, clients leave in
the middle of an answer, clones are killed, and at times there are more clients than places. Passes if every client
gets its own complete and correct answer or an honest error, and nothing is left behind.`,
  {
    seconds: { about: 'how long', fallback: 300, min: 10, max: 7200 },
    http: { about: 'HTTP clients', fallback: 20, min: 1, max: 500 },
    sessions: { about: 'clients with a session', fallback: 5, min: 1, max: 100 },
    queries: { about: 'clients with queries', fallback: 20, min: 1, max: 500 },
    updates: { about: 'updates a second', fallback: 10_000, min: 100, max: 200_000 },
    seed: { about: 'seed of the random choices of clients', fallback: 1, min: 0, max: 2 ** 31 },
  },
)

/** V8 grows the young generation at some point during the soak, which would look like a leak. */
const SERVER_FLAGS = ['--max-semi-space-size=1']
const MARGIN_MS = 120_000
/** Maximum memory growth between an early moment and the end. */
const MAX_GROWTH_MB = 20

await program({ server: serve }, async () => {
  const server = openPart<Question, Ports | Leftovers>('server', {
    flags: SERVER_FLAGS,
    limitMs: options.seconds * 1000 + MARGIN_MS,
    noisy: true,
    withoutCores: true,
  })
  const ports = (await server.ask({ what: 'ports' })) as Ports
  const tally = new Tally(options.seed)
  const until = performance.now() + options.seconds * 1000
  const going = () => performance.now() < until
  const each = (count: number, act: (id: string) => Promise<void>, kind: string) =>
    Array.from({ length: count }, (_, index) => act(`${kind}${index}`))
  const feed = startFeed(ports.queries, options.updates, going, tally)
  const clients = [
    ...each(options.http, (id) => askByHttp(ports.http, id, going, tally), 'h'),
    ...each(options.sessions, (id) => stayInSession(ports.sessions, id, going, tally), 's'),
    ...each(options.queries, (id) => askByQueries(ports.queries, id, going, tally), 'q'),
    startChaos(ports, going, tally),
  ]
  const early = delayed(options.seconds * 250, () => server.ask({ what: 'leftovers' }))
  await Promise.all([...clients, feed])
  const { memoryMb: earlyMb } = (await early) as Leftovers
  const left = (await server.ask({ what: 'end' })) as Leftovers
  await server.end()
  const growthMb = left.memoryMb - earlyMb
  const { counts, wrong } = tally
  const met = {
    answers: wrong.length === 0,
    every: ['http', 'session', 'query'].every((kind) => (counts[`${kind}: right`] ?? 0) > 0),
    left:
      left.clones === 0 &&
      left.children === 0 &&
      left.connections === 0 &&
      left.descriptors <= ports.descriptors,
    memory: growthMb <= MAX_GROWTH_MB,
  }
  report(
    {
      node: process.version,
      met,
      ...Object.fromEntries(Object.entries(counts).sort()),
      ends: left.ends,
      wrong: wrong.slice(0, 10),
      left: {
        ...left,
        ends: undefined,
        descriptorsBefore: ports.descriptors,
        growthMb: Math.round(growthMb),
      },
    },
    options.json,
  )
  return Object.values(met).every(Boolean)
})

async function delayed<T>(ms: number, act: () => Promise<T>): Promise<T> {
  await new Promise((resolve) => setTimeout(resolve, ms))
  return act()
}
