import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execPath } from 'node:process'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { backtraces } from '../harness/gdb.js'
import { killGroup, untilEmpty } from '../harness/group.js'
import type { Ending, Program } from './catalog.js'
import type { Told } from './launch.js'

/** Ways to run a program: in plain Node, in a clone of a quiet process, in a clone of a busy process. */
export const WAYS = ['plain', 'quiet', 'busy'] as const
export type Way = (typeof WAYS)[number]

/** Result of a program. */
export interface Outcome extends Ending {
  readonly stdout: string
  readonly stderr: string
  /** Clones only: first line that Node would print for the error that ended the clone. */
  readonly uncaught: string | undefined
  /** Problems besides the output: the program hung, could not be cloned, or left something behind. */
  readonly trouble: readonly string[]
}

const LAUNCHER = fileURLToPath(new URL('./launch.js', import.meta.url))
/** Descriptor on which a launcher reports on its clone. */
const TOLD_FD = 3
/** Time for which a slow reader pauses after the first chunk. */
const SLOW_READER_MS = 300

/** Runs a program to its end or its deadline, and removes everything it leaves behind. */
export async function runProgram(program: Program, way: Way, deadlineMs: number): Promise<Outcome> {
  const root = mkdtempSync(join(tmpdir(), 'qclone-conformance-'))
  const remove = () => rmSync(root, { recursive: true, force: true })
  process.on('exit', remove)
  try {
    return await runIn(root, program, way, deadlineMs)
  } finally {
    process.off('exit', remove)
    remove()
  }
}

async function runIn(root: string, program: Program, way: Way, deadlineMs: number): Promise<Outcome> {
  const [own, ofBusy] = [join(root, 'own'), join(root, 'busy')]
  for (const folder of [own, ofBusy]) mkdirSync(folder)
  const child = start(way === 'plain' ? [program.path] : [LAUNCHER, program.path, way, ofBusy], own)
  const trouble: string[] = []
  const told: Told = {}
  const toldAll = listen(child.stdio[TOLD_FD] as Readable, told)
  const kill = () => killGroup(child.pid ?? 0)
  // A separate process group does not receive signals from the terminal.
  process.on('exit', kill)
  const timer = setTimeout(async () => {
    const pid = told.clone ?? child.pid ?? 0
    trouble.push(`no end after ${deadlineMs / 1000} s\n${await backtraces(pid)}`)
    kill()
  }, deadlineMs)
  try {
    const stderr = text(child.stderr as Readable)
    const output = child.stdout as Readable
    const stdout = text(program.slowReader ? slowly(output) : output)
    const [code, signal] = (await once(child, 'close')) as [number | null, string | null]
    await toldAll
    const left = await untilEmpty(child.pid ?? 0)
    if (left) trouble.push(`left processes behind: ${left}`)
    const files = readdirSync(own)
    if (files.length > 0) trouble.push(`left files behind: ${files.join(', ')}`)
    if (told.trouble) trouble.push(told.trouble)
    const ending = way === 'plain' ? { code, signal } : told.ending
    if (!ending && trouble.length === 0) trouble.push(`the launcher ended by ${signal ?? `status ${code}`}`)
    const { code: status = null, signal: by = null } = ending ?? {}
    return {
      code: status,
      signal: by,
      stdout: await stdout,
      stderr: await stderr,
      uncaught: told.uncaught,
      trouble,
    }
  } finally {
    clearTimeout(timer)
    process.off('exit', kill)
    kill()
  }
}

function start(args: string[], folder: string): ChildProcess {
  const { NODE_OPTIONS: _, ...inherited } = process.env
  return spawn(execPath, args, {
    // A separate process group, so that all its processes can be killed.
    detached: true,
    // Makes files that the program leaves behind visible.
    cwd: folder,
    env: { ...inherited, TMPDIR: folder },
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
  })
}

/** Reads one chunk, pauses, then reads the rest. */
async function* slowly(output: Readable): AsyncGenerator<Buffer> {
  let begun = false
  for await (const chunk of output) {
    if (!begun) await delay(SLOW_READER_MS)
    begun = true
    yield chunk as Buffer
  }
}

/** Reads a launcher's report line by line, as it arrives. */
async function listen(channel: Readable, told: Told): Promise<void> {
  let rest = ''
  for await (const chunk of channel.setEncoding('utf8')) {
    const lines = (rest + chunk).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) Object.assign(told, JSON.parse(line))
  }
}
