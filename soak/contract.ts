import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readArgs } from '../harness/args.js'
import { processesWith } from '../harness/proc.js'
import { type OpenPart, openPart, program, report } from '../harness/program.js'
import { printTable } from '../harness/table.js'
import { until } from '../harness/until.js'
import { type ClientFigures, type Question as ClientQuestion, serveClient } from './contract/client.js'
import { CLONE_LIMIT_MS, type SoakFigures } from './contract/drive.js'
import { OUTPUT_BYTE } from './contract/kinds.js'
import { type Answer, type Question, serveParent } from './contract/parent.js'

const options = readArgs(
  `Usage: npm run soak -- contract [options]

Clones a process that serves another over many connections, watches a file, runs a child process and more, with \`run\`
and \`spawn\` alternately. The clones end in every possible way. Passes if each ends exactly as it must, no connection
is lost, no byte is wrong, no callback of the parent runs in a clone, and the parent holds no more resources than after
the first tenth.`,
  {
    minutes: { about: 'length', fallback: 10, fraction: true, min: 0.1, max: 10_000 },
    rate: { about: 'clones per second', fallback: 5, min: 1, max: 100 },
    connections: { about: 'connections kept open', fallback: 50, min: 10, max: 1000 },
  },
)

/**
V8 grows the young generation at some point during the soak, which would look like a leak. A small heap fills up soon.
*/
const PARENT_FLAGS = ['--max-semi-space-size=1', '--max-old-space-size=64']
const RSS_TOLERANCE_MB = 20
const MAPPINGS_TOLERANCE = 100
/** Share of the time after which Node has read and compiled its own program. */
const WARM_UP_SHARE = 0.1
const PROGRESS_MS = 30_000
/** Time to start, to wait for a last clone that hangs, and to end. */
const MARGIN_MS = 180_000 + 4 * CLONE_LIMIT_MS
/** Time for data that is still in transit when a process has ended. */
const DRAIN_LIMIT_MS = 5000
/** Environment variable that marks the processes of this program. */
const MARK = 'QCLONE_CONTRACT'

async function main(): Promise<boolean> {
  const mark = randomUUID()
  process.env[MARK] = mark
  const folder = mkdtempSync(join(tmpdir(), 'qclone-contract-'))
  // Runs however the program ends. Parts that are being killed may write until the last moment.
  process.once('exit', () => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }))
  const limitMs = options.minutes * 60_000 + MARGIN_MS
  let output = 0
  const parent = openPart<Question, Answer>('parent', {
    flags: PARENT_FLAGS,
    limitMs,
    noisy: true,
    withoutCores: true,
    onOutput: (chunk) => {
      for (const byte of chunk) if (byte === OUTPUT_BYTE) output++
    },
  })
  const client = openPart<ClientQuestion, ClientFigures>('client', { limitMs })
  const { before, after, soak, replies, finished } = await measure(parent, client, folder).finally(() =>
    Promise.all([client.end(), parent.end()]),
  )
  await until(() => output >= soak.outputExpected, DRAIN_LIMIT_MS)
  await until(() => processesWith(MARK, mark).length === 0, DRAIN_LIMIT_MS)
  const sum = (name: 'wrong' | 'hangs') => soak.tallies.reduce((all, tally) => all + tally[name], 0)
  // Each must be 0.
  const faults = {
    connectionsLost: replies.lost,
    wrongReplies: replies.wrong,
    foreignBytes: replies.foreignBytes,
    wrongEnds: sum('wrong'),
    hangs: sum('hangs'),
    unsettled: soak.alive,
    ghosts: Object.values(finished.ghosts).reduce((all, count) => all + count, 0),
    wrongInParent: finished.wrong.length,
    outputMissing: soak.outputExpected - output,
    childrenLeft: finished.childrenLeft,
    clonesListed: finished.clonesListed,
    processesLeft: processesWith(MARK, mark).length,
    descriptorsMore: after.descriptors - before.descriptors,
  }
  const met =
    Object.values(faults).every((count) => count === 0) &&
    Math.abs(after.mappings - before.mappings) <= MAPPINGS_TOLERANCE &&
    after.rssMb <= before.rssMb + RSS_TOLERANCE_MB &&
    soak.tallies.every(({ made, right }) => made > 0 && right === made) &&
    // Otherwise the run did not cover half-sent replies.
    soak.forksWithPendingWrites > 0
  // The details are already printed.
  const { tallies, details: _, ...made } = soak
  const figures = { node: process.version, met, ...faults, before, after, ...made, replies, parent: finished }
  if (options.json) {
    report({ ...figures, tallies }, true)
  } else {
    report(figures, false)
    printTable(tallies.map((tally) => ({ ...tally })))
  }
  return met
}

async function measure(
  parent: OpenPart<Question, Answer>,
  client: OpenPart<ClientQuestion, ClientFigures>,
  folder: string,
) {
  const { started } = await parent.ask({ ask: 'start', folder })
  if (!started) throw new Error('Expected the parent to have started')
  await client.ask({ ...started, connections: options.connections })
  const end = performance.now() + options.minutes * 60_000
  const warmUpMs = options.minutes * 60_000 * WARM_UP_SHARE
  await soakFor(parent, warmUpMs, true)
  const { standing: before } = await stand(parent)
  while (performance.now() < end) {
    const { made, tallies } = await soakFor(parent, Math.min(PROGRESS_MS, end - performance.now()))
    const right = tallies.reduce((all, tally) => all + tally.right, 0)
    process.stderr.write(`${made} clones, ${right} ended as they must\n`)
  }
  const { standing: after, soak } = await stand(parent)
  const replies = await client.ask('stop')
  const { finished } = await parent.ask({ ask: 'finish' })
  if (!finished) throw new Error('Expected the parent to have finished')
  return { before, after, soak, replies, finished }
}

async function soakFor(
  parent: OpenPart<Question, Answer>,
  ms: number,
  wholeRound = false,
): Promise<SoakFigures> {
  const { soak } = await parent.ask({ ask: 'soak', rate: options.rate, ms: Math.max(0, ms), wholeRound })
  if (!soak) throw new Error('Expected the parent to have made clones')
  tell(soak)
  return soak
}

async function stand(parent: OpenPart<Question, Answer>) {
  const { standing, soak } = await parent.ask({ ask: 'standing' })
  if (!standing || !soak) throw new Error('Expected the parent to report its resources')
  tell(soak)
  return { standing, soak }
}

/** Prints details as they appear. */
function tell({ details }: SoakFigures): void {
  for (const what of details) process.stderr.write(`${what}\n`)
}

await program({ parent: serveParent, client: serveClient }, main)
