import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { clones, handlers, run } from 'node-qclone'
import { readArgs } from '../harness/args.js'
import { gc, settle } from '../harness/heap.js'
import { program, report, runPart } from '../harness/program.js'
import { median, percentile, rounded } from '../harness/stats.js'
import { type BareFork, loadBareFork } from './bare-fork/addon.js'

const options = readArgs(
  `Usage: npm run bench -- answers [options]

Compares the time of an answer, from the question until the value has arrived, between a clone and a child process of
child_process.fork with \`serialization: 'advanced'\` and the same data, alternately. Passes if the clone is at least 3
times as fast for a large Float64Array, no slower for rows of objects, and for one number takes at most 1 ms plus its
own fork longer than a bare fork(2), _exit(2) and wait(2) of the same process.`,
  {
    rounds: { about: 'pairs of large answers, and of rows', fallback: 7, min: 3, max: 1000 },
    small: { about: 'pairs of small answers', fallback: 60, min: 5, max: 10_000 },
    'array-mb': { about: 'size of the array, in MiB', fallback: 256, min: 1, max: 1900 },
    rows: { about: 'objects', fallback: 1_000_000, min: 1000, max: 5_000_000 },
  },
)

const MIN_SPEEDUP = 3
const MOST_SMALL_MS = 1
const LIMIT_MS = 600_000
const WARM_UP_ROUNDS = 2
/** Number of elements of an answer that are compared with the expected ones. */
const LOOKED_AT = 1000

/** Answers by name. Both sides create them once, before anything is timed. */
const DATA = {
  array: () =>
    new Float64Array((options['array-mb'] << 20) / Float64Array.BYTES_PER_ELEMENT).map((_, i) => i),
  rows: () =>
    Array.from({ length: options.rows }, (_, id) => ({
      id,
      symbol: `S${id % 5000}`,
      price: 100 + id / 7,
      size: id % 900,
    })),
}

type Kind = keyof typeof DATA

interface Result {
  /** Medians, in milliseconds. */
  cloneMs: number
  peerMs: number
  /** Median over the pairs: the peer's time divided by the clone's. */
  speedup: number
  /** Its quartiles. */
  from: number
  to: number
  pairs: number
}

async function compare(kind: Kind): Promise<Result> {
  const data = DATA[kind]()
  const peer = await startPeer(kind)
  const { length } = data
  const check = (answer: unknown) => {
    const got = answer as typeof data
    if (got.length !== length) throw new Error(`${got.length} elements instead of ${length}`)
    for (let i = 0; i < length; i += Math.ceil(length / LOOKED_AT)) {
      if (JSON.stringify(got[i]) === JSON.stringify(data[i])) continue
      throw new Error(`element ${i} is ${JSON.stringify(got[i])}, not ${JSON.stringify(data[i])}`)
    }
  }
  const sides = {
    clone: () => run(() => data),
    peer: async () => {
      peer.send('answer')
      return (await once(peer, 'message'))[0]
    },
  }
  const pairs: Array<Record<keyof typeof sides, number>> = []
  for (let round = -WARM_UP_ROUNDS; round < options.rounds; round++) {
    const pair = { clone: 0, peer: 0 }
    for (const side of round % 2 === 0 ? (['clone', 'peer'] as const) : (['peer', 'clone'] as const)) {
      gc()
      await settle()
      const begun = performance.now()
      const answer = await sides[side]()
      pair[side] = performance.now() - begun
      check(answer)
    }
    if (round >= 0) pairs.push(pair)
  }
  peer.disconnect()
  await once(peer, 'exit')
  const speedups = pairs.map(({ clone, peer }) => peer / clone)
  return {
    cloneMs: rounded(median(pairs.map(({ clone }) => clone))),
    peerMs: rounded(median(pairs.map(({ peer }) => peer))),
    speedup: rounded(median(speedups)),
    from: rounded(percentile(speedups, 0.25)),
    to: rounded(percentile(speedups, 0.75)),
    pairs: pairs.length,
  }
}

/** Starts a child process with the same data. */
async function startPeer(kind: Kind): Promise<ChildProcess> {
  const env = { ...process.env, [PEER]: kind }
  const peer = fork(fileURLToPath(import.meta.url), process.argv.slice(2), { serialization: 'advanced', env })
  await once(peer, 'message')
  return peer
}

const PEER = 'QCLONE_BENCH_PEER'

/** Runs in the child process: answers until it is disconnected. */
function bePeer(kind: Kind): void {
  const data = DATA[kind]()
  process.on('message', () => process.send?.(data))
  process.send?.('ready')
}

interface Small {
  runMs: number
  bareMs: number
  forkMs: number
  /** Median over the pairs. */
  overheadMs: number
  pairs: number
}

async function compareSmall(): Promise<Small> {
  const bare = loadBareFork()
  let forkMs = 0
  handlers.newClone.shim((prev, clone, kind) => {
    forkMs = clone.timings.forkMs
    prev(clone, kind)
  })
  const pairs: Array<{ runMs: number; bareMs: number; forkMs: number }> = []
  for (let round = -10; round < options.small; round++) {
    const pair = { runMs: 0, bareMs: 0, forkMs: 0 }
    for (const side of round % 2 === 0 ? ['run', 'bare'] : ['bare', 'run']) {
      while (clones().length > 0) await new Promise(setImmediate)
      await settle()
      if (side === 'bare') {
        pair.bareMs = bareForkExitWait(bare)
      } else {
        const begun = performance.now()
        await run(() => 1)
        pair.runMs = performance.now() - begun
        pair.forkMs = forkMs
      }
    }
    if (round >= 0) pairs.push(pair)
  }
  return {
    runMs: rounded(median(pairs.map(({ runMs }) => runMs))),
    bareMs: rounded(median(pairs.map(({ bareMs }) => bareMs))),
    forkMs: rounded(median(pairs.map(({ forkMs }) => forkMs))),
    overheadMs: rounded(median(pairs.map(({ runMs, bareMs }) => runMs - bareMs))),
    pairs: pairs.length,
  }
}

function bareForkExitWait(bare: BareFork): number {
  bare.look()
  bare.handDown()
  const begun = performance.now()
  bare.bareFork()
  const ms = performance.now() - begun
  bare.takeBack()
  return ms
}

const peerKind = process.env[PEER]
if (peerKind) {
  bePeer(peerKind as Kind)
} else {
  await program(
    { array: () => compare('array'), rows: () => compare('rows'), small: compareSmall },
    async () => {
      const flags = ['--max-old-space-size=8000']
      const array = await runPart<Result>('array', { flags, limitMs: LIMIT_MS })
      const rows = await runPart<Result>('rows', { flags, limitMs: LIMIT_MS })
      const small = await runPart<Small>('small', { limitMs: LIMIT_MS })
      const met = {
        array: array.speedup >= MIN_SPEEDUP,
        rows: rows.speedup >= 1,
        small: small.overheadMs < MOST_SMALL_MS + small.forkMs,
      }
      report({ node: process.version, met, array, rows, small }, options.json)
      return Object.values(met).every(Boolean)
    },
  )
}
