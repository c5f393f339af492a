import { spawn as spawnProcess } from 'node:child_process'
import { once } from 'node:events'
import { run } from 'node-qclone'
import { fillHeap, gc, type Row, row, settle } from '../lib/heap.js'
import { countMarkedMappings } from '../lib/proc.js'
import { answerQuestions, type OpenPart } from '../lib/program.js'
import { median, rounded } from '../lib/stats.js'

const BLOCKS = 20
const CALLS_IN_BLOCK = 10
/**
Of the rows, one in so many is replaced between two clones: enough that V8 maps and unmaps memory, and too little to
give the heap another shape, since the time that is measured goes by the number of its mappings.
*/
const REPLACED_ONE_IN = 1000

/** What a process is to do: allocate in rounds, with a clone in each or not; or time calls. */
type Question = { rounds: number; withClones: boolean } | { calls: number }
interface Answer {
  times: number[]
  marked: number
}

/** The part of a process that times on demand. */
export type TimingPart = OpenPart<Question, Answer>

/** The part: a process with a heap of `heapMb`. */
export function timeOnDemand(heapMb: number): Promise<void> {
  const rows = fillHeap(heapMb)
  return answerQuestions<Question, Answer>(async (question) => {
    if ('rounds' in question) await allocate(rows, question)
    const times = 'calls' in question ? await timeCalls(question.calls) : []
    return { times, marked: countMarkedMappings() }
  })
}

/**
For how long `child_process.spawn` stands still in a process that has made clones, and in one that has not and is
like it in all else, in turns. V8 marks its heap `MADV_DONTFORK` to make that short: the library must put every
mark back.

@returns medians in milliseconds; `ratioBefore` and `ratioAfter` are those of the process with clones to its
control, and `ratio` is what the clones made of it.
*/
export async function compareChildProcess(subject: TimingPart, control: TimingPart, clones: number) {
  const before = await inTurns(subject, control)
  await subject.ask({ rounds: clones, withClones: true })
  await control.ask({ rounds: clones, withClones: false })
  const after = await inTurns(subject, control)
  return {
    clones,
    subject: { before: figures(before, 'subject'), after: figures(after, 'subject') },
    control: { before: figures(before, 'control'), after: figures(after, 'control') },
    ratioBefore: rounded(before.ratio),
    ratioAfter: rounded(after.ratio),
    ratio: rounded(after.ratio / before.ratio),
  }
}

type Turns = Awaited<ReturnType<typeof inTurns>>

function figures({ times, marked }: Turns, name: 'subject' | 'control') {
  return { ms: rounded(median(times[name])), markedMappings: marked[name] }
}

async function inTurns(subject: TimingPart, control: TimingPart) {
  // The first calls compile what they need.
  for (const part of [subject, control]) await part.ask({ calls: CALLS_IN_BLOCK })
  const parts = { subject, control }
  const times = { subject: [] as number[], control: [] as number[] }
  const marked = { subject: 0, control: 0 }
  const ratios: number[] = []
  for (let block = 0; block < BLOCKS; block++) {
    const medians = { subject: 0, control: 0 }
    for (const name of block % 2 === 0 ? NAMES : NAMES.toReversed()) {
      const answer = await parts[name].ask({ calls: CALLS_IN_BLOCK })
      medians[name] = median(answer.times)
      times[name].push(...answer.times)
      marked[name] = answer.marked
    }
    ratios.push(medians.subject / medians.control)
  }
  return { times, marked, ratio: median(ratios) }
}

const NAMES = ['subject', 'control'] as const

async function allocate(rows: Row[], { rounds, withClones }: { rounds: number; withClones: boolean }) {
  for (let round = 0; round < rounds; round++) {
    for (let i = round % REPLACED_ONE_IN; i < rows.length; i += REPLACED_ONE_IN) rows[i] = row(i)
    if (!withClones) {
      await settle()
      continue
    }
    const length = await run(() => rows.length)
    if (length !== rows.length)
      throw new Error(`Expected the clone to see ${rows.length} rows, got ${length}`)
  }
  gc()
  gc()
}

/** What each call takes in this thread, until it returns. */
async function timeCalls(count: number): Promise<number[]> {
  await settle()
  const times: number[] = []
  for (let i = 0; i < count; i++) {
    const begun = performance.now()
    const child = spawnProcess('true', { stdio: 'ignore' })
    times.push(performance.now() - begun)
    await once(child, 'exit')
  }
  return times
}
