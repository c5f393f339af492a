import { handlers, run } from 'node-qclone'
import { readArgs } from '../harness/args.js'
import { gc, type Row, row, settle } from '../harness/heap.js'
import { program, report, runPart } from '../harness/program.js'
import { median, rounded } from '../harness/stats.js'

const options = readArgs(
  `Usage: npm run bench -- speed [options]

Compares how fast new code runs in a clone and in its parent, alternately. Passes if the clone takes at most 1.10 times
as long for each kind: a numeric loop, a scan of objects, a function called often, recursion. The short scan is only
reported: a clone copies V8's young generation once, however long it runs afterwards.`,
  {
    rounds: { about: 'pairs of runs of each kind', fallback: 11, min: 3, max: 1000 },
    rows: { about: 'objects to scan', fallback: 500_000, min: 1000, max: 5_000_000 },
  },
)

const MAX_RATIO = 1.1
const LIMIT_MS = 600_000
/** Some hundred milliseconds each. */
const STEPS = 120_000_000
const SCANNED = 24_000_000
/** Factor for a scan that takes seconds. */
const LONG = 4
const CALLS = 1_000_000
const FIBONACCI = 36

interface Timed {
  ms: number
  result: number
}

/** Code to time; `fresh` creates a function that V8 has never seen. */
interface Kind {
  readonly name: string
  /** Whether it is only reported, because it shows a one-time cost and not speed. */
  readonly informs?: boolean
  readonly fresh: () => () => number
}

/**
Loop as one would normally write it. Until it is optimized it allocates at every step, so a clone copies the pages of
V8's young generation once.
*/
const PLAIN_SCAN = 'for (const { a, b, c, d } of rows) if (a > 100 && b.length > 3) sum += c + d'

let made = 0

/** Scans the rows `passes` times, by calling one function with this loop. */
function scanOf(rows: Row[], passes: number, loop: string): () => number {
  const scan = compile(`let sum = 0; ${loop}; return sum`, 'rows')
  return () => {
    let sum = 0
    for (let pass = 0; pass < passes; pass++) sum += scan(rows)
    return sum
  }
}

/** Each kind becomes hot in a different way: within one long call, or by many calls, with a loop or without. */
function kinds(rows: Row[]): Kind[] {
  const passes = Math.ceil(SCANNED / rows.length)
  return [
    {
      name: 'numericLoop',
      fresh: () =>
        compile(`
          let x = 1, sum = 0
          for (let i = 0; i < ${STEPS}; i++) {
            x = (Math.imul(x, 1664525) + 1013904223) | 0
            sum += (x & 255) * 0.5
          }
          return sum`),
    },
    {
      name: 'objectScan',
      fresh: () => scanOf(rows, passes * LONG, PLAIN_SCAN),
    },
    {
      name: 'objectScanShort',
      informs: true,
      fresh: () => scanOf(rows, passes, PLAIN_SCAN),
    },
    {
      name: 'objectScanReadOnly',
      // The same scan by index and with integers, which allocates nothing and so avoids that cost.
      fresh: () =>
        scanOf(
          rows,
          passes,
          `for (let i = 0; i < rows.length; i++) {
            const { a, b, c, d } = rows[i]
            if (a > 100 && b.length > 3 && c > 1) sum = (sum + d) | 0
          }`,
        ),
    },
    {
      name: 'calledLoop',
      fresh: () => {
        // Several similar functions, so that V8 does not inline them into the calling loop.
        const some = Array.from({ length: 4 }, () =>
          compile(
            `
            let x = seed, sum = 0
            for (let i = 0; i < 100; i++) {
              x = (Math.imul(x, 1664525) + 1013904223) | 0
              sum += (x & 255) * 0.5
            }
            return sum`,
            'seed',
          ),
        )
        const call = compile(
          `let sum = 0; for (let i = 0; i < ${CALLS}; i++) sum += some[i & 3](i); return sum`,
          'some',
        )
        return () => call(some)
      },
    },
    {
      name: 'recursion',
      fresh: () =>
        compile(`
          const fib = (n) => n < 2 ? n : fib(n - 1) + fib(n - 2)
          return fib(${FIBONACCI})`),
    },
  ]
}

/** Creates a function that V8 has never seen. V8 caches compiled functions by their source text. */
function compile(source: string, ...names: string[]): (...args: unknown[]) => number {
  return new Function(...names, `${source} // ${made++}`) as (...args: unknown[]) => number
}

function timed(f: () => number): Timed {
  const begun = performance.now()
  const result = f()
  return { ms: performance.now() - begun, result }
}

async function inClone(f: () => number): Promise<Timed> {
  await settle()
  const gone = nextEnd()
  const answer = await run(() => timed(f))
  // The parent must not run while the clone runs or the kernel frees its memory.
  await gone
  return answer
}

/** Resolves when the next clone has ended. */
function nextEnd(): Promise<void> {
  return new Promise((resolve) => {
    const undo = handlers.oldClone.shim((prev, status, kind) => {
      undo()
      prev(status, kind)
      resolve()
    })
  })
}

async function inParent(f: () => number): Promise<Timed> {
  await settle()
  return timed(f)
}

async function compare({ name, informs = false, fresh }: Kind) {
  const clones: number[] = []
  const parents: number[] = []
  let wrong = 0
  // The first pair loads and compiles what the library needs.
  for (let round = -1; round < options.rounds; round++) {
    const pair: { clone?: Timed; parent?: Timed } = {}
    for (const side of round % 2 === 0 ? (['clone', 'parent'] as const) : (['parent', 'clone'] as const)) {
      pair[side] = await (side === 'clone' ? inClone(fresh()) : inParent(fresh()))
    }
    if (pair.clone?.result !== pair.parent?.result) wrong++
    if (round < 0) continue
    clones.push(pair.clone?.ms ?? Number.NaN)
    parents.push(pair.parent?.ms ?? Number.NaN)
  }
  const parentMs = median(parents)
  return {
    name,
    informs,
    // Ratio of pairs measured back to back, as the speed of a shared machine drifts by more within minutes.
    ratio: rounded(median(clones.map((ms, i) => ms / (parents[i] ?? Number.NaN)))),
    ratioOfMedians: rounded(median(clones) / parentMs),
    cloneMs: rounded(median(clones)),
    parentMs: rounded(parentMs),
    // Fastest runs, which are least affected by other work on the machine.
    ratioOfFastest: rounded(Math.min(...clones) / Math.min(...parents)),
    wrong,
  }
}

type Result = Array<Awaited<ReturnType<typeof compare>>>

async function measure(): Promise<Result> {
  const rows = Array.from({ length: options.rows }, (_, id) => row(id))
  gc()
  const results: Result = []
  for (const kind of kinds(rows)) results.push(await compare(kind))
  return results
}

await program({ measure }, async () => {
  const results = await runPart<Result>('measure', { limitMs: LIMIT_MS })
  const met = results.every(({ informs, ratio, wrong }) => (informs || ratio <= MAX_RATIO) && wrong === 0)
  const figures = Object.fromEntries(results.map(({ name, ...rest }) => [name, rest]))
  report(
    { node: process.version, maxRatio: MAX_RATIO, met, rounds: options.rounds, ...figures },
    options.json,
  )
  return met
})
