import { spawn as spawnProcess } from 'node:child_process'
import { once } from 'node:events'
import { run } from 'node-qclone'
import { fillHeap, gc, type Row, row, settle } from '../../harness/heap.js'
import { countMarkedMappings } from '../../harness/proc.js'
import { answerQuestions, type OpenPart } from '../../harness/program.js'
import { median, rounded } from '../../harness/stats.js'

const BLOCKS = 20
const CALLS_IN_BLOCK = 10
/**
One in this many rows is replaced between two clones. V8 then maps and unmaps memory, but the heap keeps its shape,
since the measured time depends on the number of mappings.
*/
const REPLACED_ONE_IN = 1000

/** Request to a process: allocate in rounds, with or without a clone in each; or time calls. */
type Question = { rounds: number; withClones: boolean } | { calls: number }
interface Answer {
  times: number[]
  marked: number
}

/** Part in a process that times calls on demand. */
export type TimingPart = OpenPart<Question, Answer>

/** Part with a heap of `heapMb`. */
export function timeOnDemand(heapMb: number): Promise<void> {
  const rows = fillHeap(heapMb)
  return answerQuestions<Question, Answer>(async (question) => {
    if ('rounds' in question) await allocate(rows, question)
    const times = 'calls' in question ? await timeCalls(question.calls) : []
    return { times, marked: countMarkedMappings() }
  })
}

/**
Measures how long `child_process.spawn` blocks in a process that has made clones, and in a control process that has
not but is otherwise the same, alternately. V8 marks its heap `MADV_DONTFORK` to keep that time short, so the library
must put every mark back.

@returns medians in milliseconds. `ratioBefore` and `ratioAfter` relate the process with clones to its control;
`ratio` is the change that the clones caused.
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
  // The first calls trigger compilation.
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

/** Measures how long each call blocks this thread. */
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
