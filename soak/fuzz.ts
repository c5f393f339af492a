import { setTimeout as delay } from 'node:timers/promises'
import { readArgs } from '../harness/args.js'
import { gc } from '../harness/heap.js'
import { kdbSubject } from '../harness/messages/kdb.js'
import { ndjsonSubject } from '../harness/messages/ndjson.js'
import type { Sample } from '../harness/messages/subject.js'
import { program, report, runPart } from '../harness/program.js'
import { Random } from '../harness/random.js'
import { rounded } from '../harness/stats.js'
import { feed } from './fuzz/feed.js'
import { watch } from './fuzz/watchdog.js'

const options = readArgs(
  `Usage: npm run soak -- fuzz [options]

Feeds valid messages to the codecs, and as many invalid ones: cut, spliced, with flipped bits and wrong lengths,
compressed bombs, deeply nested values. Passes if they cause no error but ProtocolError, each is read in time, and no
memory is kept. Prints each failure with the options that reproduce it.`,
  {
    messages: { about: 'messages to both codecs', fallback: 10_000_000, min: 1, max: 1_000_000_000 },
    from: { about: 'number of the first message', fallback: 0, min: 0, max: 1_000_000_000 },
    seed: { about: 'seed of the messages', fallback: 1, min: 0, max: 2 ** 32 - 1 },
    'limit-ms': { about: 'limit for one message, in milliseconds', fallback: 1000, min: 10, max: 60_000 },
    seconds: { about: 'limit', fallback: 3600, min: 10, max: 86_400 },
  },
)

const SUBJECTS = [kdbSubject, ndjsonSubject]
const TENTHS = 10
/** Until this tenth is over, compiled code and V8's caches still take memory permanently. */
const SETTLED_AT = 2
const MOST_GROWTH_MB = 8
const MOST_RSS_GROWTH_MB = 48
/** A slow message is timed twice more. */
const SUSPECT_MS = 10
const TIMED_AGAIN = 2
const HANG_MS = 60_000
const MOST_FRAMES = 3
const MOST_BYTES_SHOWN = 400

interface Figures {
  messages: number
  received: number
  refused: number
  bytes: number
}

interface Outcome {
  ms: number
  /** Reason if it is a failure. */
  why?: string
}

interface Memory {
  heapMb: number
  rssMb: number
}

interface Result {
  failure?: string
  slowestMs: number
  secondsAll: number
  codecs: Record<string, Figures>
  /** After each tenth, with no garbage. */
  memory: Memory[]
}

async function fuzz(): Promise<Result> {
  // Most messages are refused, and capturing the stack trace takes the longest.
  Error.stackTraceLimit = MOST_FRAMES
  const { messages, from, seed } = options
  const begun = performance.now()
  const now = watch(seed, HANG_MS)
  const codecs = Object.fromEntries(
    SUBJECTS.map(({ name }) => [name, { messages: 0, received: 0, refused: 0, bytes: 0 }]),
  )
  const memory: Memory[] = []
  let slowestMs = 0
  let failure: string | undefined
  for (let tenth = 0; tenth < TENTHS && failure === undefined; tenth++) {
    const end = from + Math.floor((messages * (tenth + 1)) / TENTHS)
    for (let index = from + Math.floor((messages * tenth) / TENTHS); index < end; index++) {
      Atomics.store(now, 0, BigInt(index))
      const { ms, why } = timed(seed, index, codecs)
      slowestMs = Math.max(slowestMs, ms)
      failure =
        why ?? (ms > options['limit-ms'] ? describe(seed, index, `it took ${Math.round(ms)} ms`) : undefined)
      if (failure !== undefined) break
    }
    memory.push(await measure())
  }
  const secondsAll = rounded((performance.now() - begun) / 1000)
  return {
    ...(failure !== undefined && { failure }),
    slowestMs: rounded(slowestMs),
    secondsAll,
    codecs,
    memory,
  }
}

/** Like {@link one}, but repeats a slow message, since the machine may have been busy. */
function timed(seed: number, index: number, codecs: Record<string, Figures>): Outcome {
  const outcome = one(seed, index, codecs)
  for (let again = 0; again < TIMED_AGAIN && outcome.ms > SUSPECT_MS; again++) {
    outcome.ms = Math.min(outcome.ms, one(seed, index).ms)
  }
  return outcome
}

/** Feeds message `index`. Returns the time it took, and the reason if it is a failure. */
function one(seed: number, index: number, codecs?: Record<string, Figures>): Outcome {
  const random = new Random(seed, index)
  const subject = SUBJECTS[index % SUBJECTS.length] as (typeof SUBJECTS)[number]
  const sample = subject.sample(random)
  const begun = performance.now()
  try {
    const { messages, isRefused } = feed(subject, sample, random)
    const ms = performance.now() - begun
    const figures = codecs?.[subject.name]
    if (figures) {
      figures.messages++
      figures.received += messages
      figures.refused += isRefused ? 1 : 0
      figures.bytes += sample.bytes.length
    }
    return { ms }
  } catch (error) {
    return {
      ms: 0,
      why: describe(
        seed,
        index,
        error instanceof Error ? (error.stack ?? error.message) : String(error),
        sample,
      ),
    }
  }
}

function describe(seed: number, index: number, what: string, sample?: Sample): string {
  const bytes = sample ? `\n${sample.bytes.subarray(0, MOST_BYTES_SHOWN).toString('hex')}` : ''
  return `--seed ${seed} --from ${index} --messages 1: ${what}${bytes}`
}

async function measure(): Promise<Memory> {
  gc()
  await delay(0)
  gc()
  const { heapUsed, external, arrayBuffers, rss } = process.memoryUsage()
  return { heapMb: inMb(heapUsed + external + arrayBuffers), rssMb: inMb(rss) }
}

function inMb(bytes: number): number {
  return rounded(bytes / 2 ** 20)
}

await program({ fuzz }, async () => {
  const result = await runPart<Result>('fuzz', { limitMs: options.seconds * 1000 })
  const last = result.memory.at(-1)
  const settled = result.memory[SETTLED_AT - 1] ?? last
  const growthMb = last && settled ? rounded(last.heapMb - settled.heapMb) : 0
  const rssGrowthMb = last && settled ? rounded(last.rssMb - settled.rssMb) : 0
  const kept = growthMb > MOST_GROWTH_MB || rssGrowthMb > MOST_RSS_GROWTH_MB
  const met = result.failure === undefined && !kept
  const { codecs, memory, ...rest } = result
  const figures = {
    node: process.version,
    met,
    seed: options.seed,
    from: options.from,
    ...codecs,
    ...rest,
    growthMb,
    rssGrowthMb,
  }
  report({ ...figures, memory }, options.json)
  return met
})
