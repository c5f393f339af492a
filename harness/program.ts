import { spawn } from 'node:child_process'
import type { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { backtraces } from './gdb.js'

/** Environment variable with the name of the part that a child process runs. */
export const PART = 'QCLONE_BENCH_PART'
const ORPHAN_CHECK_MS = 1000

export interface PartOptions {
  /** Flags of Node, such as `--max-old-space-size`. */
  readonly flags?: readonly string[]
  /** Time limit. A part that exceeds it is reported and killed. */
  readonly limitMs: number
  /**
  Receives the stdout of a part that answers questions, and of its clones. The answers take another channel, which
  clones do not have.
  */
  readonly onOutput?: (chunk: Buffer) => void
  /** Whether much of stderr is expected. Its end is then shown only if the part fails. */
  readonly noisy?: boolean
  /** Whether it and its clones leave no core dumps, whatever the current limit is. */
  readonly withoutCores?: boolean
}

/**
Runs a measuring program. `main` runs its parts with {@link runPart}, each in a fresh Node process that can have its
own flags and is killed when it hangs. `main` returns whether the criterion was met.
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
      // A failed part has already printed the reason.
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
  // Does not call process.exit: a part whose event loop never becomes empty has leaked something.
}

/** Runs part `name` of this program in its own Node process, and returns its result. */
export async function runPart<T>(name: string, options: PartOptions): Promise<T> {
  const { child, ended } = start(name, options)
  const [output] = await Promise.all([buffer(child.stdout as Readable), ended])
  return JSON.parse(output.toString()) as T
}

/** Part that answers questions, so that two parts can be measured alternately. */
export interface OpenPart<Question, Answer> {
  ask(question: Question): Promise<Answer>
  /** Can be called more than once. */
  end(): Promise<void>
}

/** Starts part `name`, which must call {@link answerQuestions}. */
export function openPart<Q, A>(name: string, options: PartOptions): OpenPart<Q, A> {
  const { child, ended } = start(name, options)
  child.stdout?.on('data', options.onOutput ?? (() => {}))
  return {
    ask: (question) =>
      new Promise((resolve, reject) => {
        child.once('message', (answer) => resolve(answer as A))
        ended.then(() => reject(new Error(`${name} ended before it answered`)), reject)
        // A send error is covered by the end of the part.
        child.send(question as object, () => {})
      }),
    end: () => {
      if (child.connected) child.disconnect()
      return ended
    },
  }
}

/** Called in a part: answers questions until the other side disconnects. */
export function answerQuestions<Q, A>(answer: (question: Q) => Promise<A>): Promise<void> {
  process.on('message', async (question) => process.send?.(await answer(question as Q)))
  return new Promise((resolve) => process.once('disconnect', resolve))
}

/** Starts part `name`; `ended` rejects if the part fails or exceeds its limit. */
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
    process.stderr.write(`${name}: not finished after ${limitMs / 1000} s\n${where}\n`)
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
  // Pending questions reject with the same error.
  ended.catch(() => {})
  return { child, ended }
}

/** Reads a stream to its end. The returned function gives its last characters. */
function keepEnd(stream: Readable): () => string {
  let end = ''
  stream.setEncoding('utf8').on('data', (chunk: string) => {
    end = (end + chunk).slice(-END_CHARACTERS)
  })
  return () => end
}

/** Node cannot set limits. The shell replaces itself with the command, so there is no extra process. */
const WITHOUT_CORES = ['sh', '-c', 'ulimit -c 0; exec "$0" "$@"']

const END_CHARACTERS = 4000

/** Ends a part whose program was killed. */
function dieWithParent(): void {
  const parent = process.ppid
  const look = () => process.ppid === parent || process.exit(1)
  setInterval(look, ORPHAN_CHECK_MS).unref()
}

/** Prints `figures`: as one JSON object on stdout, or one per line. */
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
