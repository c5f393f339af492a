import { spawn } from 'node:child_process'
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
  process.stdout.write(JSON.stringify(await part()))
  // No process.exit: a part whose event loop never runs empty has lost track of something.
}

/** What part `name` of this program returned, in a node of its own. */
export async function runPart<T>(name: string, { flags = [], limitMs }: PartOptions): Promise<T> {
  const args = [...process.execArgv, ...flags, ...process.argv.slice(1)]
  const child = spawn(process.execPath, args, {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, [PART]: name },
  })
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
  const ended = new Promise<string | number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (status, signal) => resolve(signal ?? status))
  })
  try {
    const [status, output] = await Promise.all([ended, buffer(child.stdout)])
    if (status !== 0) throw new Error(`${name} ended by ${status}`)
    return JSON.parse(output.toString()) as T
  } finally {
    clearTimeout(timer)
    process.off('exit', kill)
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, leave)
  }
}

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
