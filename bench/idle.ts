import { once } from 'node:events'
import { clones, configure, memoryOf, type Port, type ResidentPort, resident, stopAll } from 'node-qclone'
import { readArgs } from '../harness/args.js'
import { fillHeap } from '../harness/heap.js'
import { children, countDescriptors } from '../harness/proc.js'
import { program, report, runPart } from '../harness/program.js'
import { median, percentile, rounded } from '../harness/stats.js'
import { until } from '../harness/until.js'

const options = readArgs(
  `Usage: npm run bench -- idle [options]

Starts many clones that stay idle, lists them, sends each a message, measures their memory, and stops them. Each takes
two of the parent's descriptors (\`ulimit -n\`). Passes if each answers, all end with the expected status, and nothing
is left of them.`,
  {
    clones: { about: 'clones', fallback: 1000, min: 1, max: 20_000 },
    'heap-mb': { about: 'heap of JavaScript objects, in MiB', fallback: 100, min: 10, max: 16_000 },
    'at-once': { about: 'clones started at the same time', fallback: 8, min: 1, max: 1000 },
    sample: { about: 'clones whose memory is measured', fallback: 50, min: 1, max: 1000 },
  },
)

const LIMIT_MS = 600_000
const REAP_LIMIT_MS = 30_000
/** Memory reserved per idle clone. Small, since there are many. */
const MEMORY_OF_A_CLONE = 1 << 20

type Echo = ResidentPort<number, number>

async function measure() {
  const rows = fillHeap(options['heap-mb'])
  configure({ maxClones: options.clones, memoryPerClone: MEMORY_OF_A_CLONE })
  const echo = (port: Port<number, number>) => {
    port.on('message', (value) => port.postMessage(value + rows.length))
  }
  // By then everything that the library opens only once is open.
  await (await resident(echo)).stop()
  await until(() => clones().length === 0, REAP_LIMIT_MS)
  const descriptors = countDescriptors()

  const begun = performance.now()
  const forkMs: number[] = []
  const live: Echo[] = []
  const start = async () => {
    while (live.length + starting < options.clones) {
      starting++
      const clone = await resident(echo)
      starting--
      forkMs.push(clone.clone.timings.totalMs)
      live.push(clone)
    }
  }
  let starting = 0
  await Promise.all(Array.from({ length: options['at-once'] }, start))
  const started = performance.now()
  const listed = clones().length

  const answers = await Promise.all(
    live.map(async (clone, index) => {
      const answer = once(clone, 'message')
      clone.postMessage(index)
      return (await answer)[0] === index + rows.length
    }),
  )
  const answered = performance.now()
  const sampled = live
    .filter((_, index) => index % Math.ceil(live.length / options.sample) === 0)
    .map(({ clone }) => memoryOf(clone.pid))

  const stopping = performance.now()
  const statuses = await stopAll()
  const stopped = performance.now()
  await until(() => countDescriptors() <= descriptors, REAP_LIMIT_MS)
  return {
    clones: listed,
    answered: answers.filter(Boolean).length,
    ended: statuses.filter(({ signal }) => signal === 'SIGTERM').length,
    clonesLeft: clones().length,
    childrenLeft: children().length,
    descriptors: [descriptors, countDescriptors()],
    startSeconds: rounded((started - begun) / 1000),
    forkMs: [rounded(median(forkMs)), rounded(percentile(forkMs, 0.99))],
    messageSeconds: rounded((answered - started) / 1000),
    stopSeconds: rounded((stopped - stopping) / 1000),
    ussMb: megabytes(sampled.map(({ uss }) => uss)),
    pssMb: megabytes(sampled.map(({ pss }) => pss)),
    rssMb: megabytes(sampled.map(({ rss }) => rss)),
    parentRssMb: Math.round(process.memoryUsage.rss() / 2 ** 20),
  }
}

function megabytes(bytes: number[]): number {
  return rounded(median(bytes) / 2 ** 20)
}

await program({ measure }, async () => {
  const figures = await runPart<Awaited<ReturnType<typeof measure>>>('measure', { limitMs: LIMIT_MS })
  const { clones, answered, ended, clonesLeft, childrenLeft, descriptors } = figures
  const all = options.clones
  const [before, after] = descriptors as [number, number]
  const met =
    clones === all && answered === all && ended === all && clonesLeft + childrenLeft === 0 && after <= before
  report({ node: process.version, met, ...figures }, options.json)
  return met
})
