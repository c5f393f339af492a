import { spawn } from 'node:child_process'
import type { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { backtraces } from './gdb.js'

/** Names the part of a program that a process of its own is to run. */
const PART = 'QCLONE_BENCH_PART'
const ORPHAN_CHECK_MS = 1000

export interface PartOptions {
  /** Flags of node, such as `--max-old-space-size`. */
  readonly flags?: readonly string[]
  /** When it has not ended after so long, it is hung: it is told of, and killed. */
  readonly limitMs: number
  /**
  Of a part that answers questions: takes what the part and its clones write to stdout. Such a part's answers go
  another way, which clones do not have.
  */
  readonly onOutput?: (chunk: Buffer) => void
  /** Whether stderr is full of what is expected: its end is shown only when the part itself ends badly. */
  readonly noisy?: boolean
  /** Whether it and its clones leave no core dumps, whatever the limit is here. */
  readonly withoutCores?: boolean
}

/**
The life of a measuring program: `main` runs parts of it by {@link runPart}, each in a fresh node that can be
given flags and killed when it hangs, and tells whether the criterion was met.
*/
export async function program(
  parts: Record<string, () => Promise<unknown>>,
  main: () => Promise<boolean>,
): Promise<void> {
  const name = process.env[PART]
  if (name === undefined) {
    try {
      process.exitCode = (await main()) ? 0 : 1
    } catch (error) {
      // The part has said why, where it failed.
      process.stderr.write(`${error instanceof Error ? error.message : error}\n`)
      process.exitCode = 1
    }
    return
  }
  const part = parts[name]
  if (!part)
    throw new Error(`Expected ${PART} to be one of ${Object.keys(parts).join(', ')}, got \`${name}\``)
  dieWithParent()
  process.stdout.write(JSON.stringify((await part()) ?? null))
  // No process.exit: a part whose event loop never runs empty has lost track of something.
}

/** What part `name` of this program returned, in a node of its own. */
export async function runPart<T>(name: string, options: PartOptions): Promise<T> {
  const { child, ended } = start(name, options)
  const [output] = await Promise.all([buffer(child.stdout as Readable), ended])
  return JSON.parse(output.toString()) as T
}

/** A part that answers questions, so that two of them can be measured in turns. */
export interface OpenPart<Question, Answer> {
  ask(question: Question): Promise<Answer>
  /** May be called again. */
  end(): Promise<void>
}

/** Starts part `name`, which is to call {@link answerQuestions}. */
export function openPart<Q, A>(name: string, options: PartOptions): OpenPart<Q, A> {
  const { child, ended } = start(name, options)
  child.stdout?.on('data', options.onOutput ?? (() => {}))
  return {
    ask: (question) =>
      new Promise((resolve, reject) => {
        child.once('message', (answer) => resolve(answer as A))
        ended.then(() => reject(new Error(`${name} ended before it answered`)), reject)
        // That it cannot be sent is told by how the part has ended.
        child.send(question as object, () => {})
      }),
    end: () => {
      if (child.connected) child.disconnect()
      return ended
    },
  }
}

/** In a part: answers one question after another, until there are no more. */
export function answerQuestions<Q, A>(answer: (question: Q) => Promise<A>): Promise<void> {
  process.on('message', async (question) => process.send?.(await answer(question as Q)))
  return new Promise((resolve) => process.once('disconnect', resolve))
}

/** Starts part `name`; `ended` rejects when it does not end well, or not in time. */
function start(name: string, { flags = [], limitMs, noisy = false, withoutCores = false }: PartOptions) {
  const args = [...process.execArgv, ...flags, ...process.argv.slice(1)]
  const command = [...(withoutCores ? WITHOUT_CORES : []), process.execPath, ...args] as [string, ...string[]]
  const child = spawn(command[0], command.slice(1), {
    stdio: ['ignore', 'pipe', noisy ? 'pipe' : 'inherit', 'ipc'],
    env: { ...process.env, [PART]: name },
  })
  const lastWords = child.stderr && keepEnd(child.stderr)
  const kill = () => child.kill('SIGKILL')
  // Its clones die with it.
  process.once('exit', kill)
  const leave = () => process.exit(1)
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, leave)
  const timer = setTimeout(async () => {
    const where = child.pid === undefined ? '' : await backtraces(child.pid)
    process.stderr.write(`${name}: no end after ${limitMs / 1000} s\n${where}\n`)
    kill()
  }, limitMs)
  const ended = new Promise<void>((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (status, signal) => {
      if (status === 0) resolve()
      else {
        if (lastWords) process.stderr.write(lastWords())
        reject(new Error(`${name} ended by ${signal ?? `status ${status}`}`))
      }
    })
  }).finally(() => {
    clearTimeout(timer)
    process.off('exit', kill)
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, leave)
  })
  // Whoever waits for an answer is told of it too.
  ended.catch(() => {})
  return { child, ended }
}

/** Reads on, and gives the end of what came. */
function keepEnd(stream: Readable): () => string {
  let end = ''
  stream.setEncoding('utf8').on('data', (chunk: string) => {
    end = (end + chunk).slice(-END_CHARACTERS)
  })
  return () => end
}

/** Node cannot set a limit of its own. The shell becomes the command: there is no process between. */
const WITHOUT_CORES = ['sh', '-c', 'ulimit -c 0; exec "$0" "$@"']

const END_CHARACTERS = 4000

/** A part is of no use once the program was killed. */
function dieWithParent(): void {
  const parent = process.ppid
  const look = () => process.ppid === parent || process.exit(1)
  setInterval(look, ORPHAN_CHECK_MS).unref()
}

/** Prints `figures`: one JSON object on stdout, or a line for each. */
export function report(figures: object, json: boolean): void {
  if (json) {
    console.log(JSON.stringify(figures))
    return
  }
  const lines = Object.entries(figures)
  const width = Math.max(...lines.map(([name]) => name.length))
  for (const [name, value] of lines) {
    console.log(`${name.padEnd(width)}  ${typeof value === 'object' ? JSON.stringify(value) : value}`)
  }
}
