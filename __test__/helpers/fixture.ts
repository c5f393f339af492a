import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { execPath } from 'node:process'
import { fileURLToPath } from 'node:url'
import type { ExecutionContext } from 'ava'
import { killGroup, membersInWords, untilEmpty } from '../../harness/group.js'
import { PLAYED } from './scene.js'

export interface ScriptOptions {
  args?: string[]
  /** Arguments of node. */
  nodeArgs?: string[]
  /** A command that runs the command which follows it. */
  wrapper?: string[]
  env?: NodeJS.ProcessEnv
  uid?: number | undefined
  deadlineMs?: number
}

export interface Ending {
  code: number | null
  signal: NodeJS.Signals | null
  stdout: string
  stderr: string
}

export interface Outcome extends Ending {
  /** What the fixture told, by key. */
  told: Record<string, unknown>
}

const DEADLINE_MS = 40_000
/** Fixtures of one test file at a time. The tests of a file begin all at once. */
const AT_ONCE = 2

const waiting: Array<() => void> = []
let running = 0

/** Runs `act` when fewer than {@link AT_ONCE} others do. */
async function inTurn<T>(act: () => Promise<T>): Promise<T> {
  if (running === AT_ONCE) await new Promise<void>((resolve) => waiting.push(resolve))
  else running++
  try {
    return await act()
  } finally {
    const next = waiting.shift()
    if (next) next()
    else running--
  }
}

/** Runs a scene of a fixture, as {@link runScript} does. Throws when it told something twice. */
export async function runFixture(
  fixture: string,
  scene: string,
  options: ScriptOptions = {},
): Promise<Outcome> {
  const args = [scene, ...(options.args ?? [])]
  const ending = await runScript(`../fixtures/${fixture}.js`, { ...options, args })
  return { ...ending, told: toldIn(ending.stdout) }
}

/**
Runs a script in a process group of its own, to its end or to its deadline. Throws when it did not end in time,
or left a process behind. Nothing of it is left after this.
*/
export function runScript(path: string, options: ScriptOptions = {}): Promise<Ending> {
  return inTurn(() => runNow(fileURLToPath(new URL(path, import.meta.url)), options))
}

async function runNow(script: string, options: ScriptOptions): Promise<Ending> {
  const { args = [], nodeArgs = [], wrapper = [], env = {}, uid, deadlineMs = DEADLINE_MS } = options
  const [program = execPath, ...rest] = [...wrapper, execPath, ...nodeArgs, script, ...args]
  const { NODE_OPTIONS: _, ...inherited } = process.env
  const child = spawn(program, rest, {
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...inherited, ...env },
    ...(uid !== undefined && { uid, gid: uid }),
  })
  const { pid: group = 0 } = child
  const stdout = textOf(child.stdout)
  const stderr = textOf(child.stderr)
  let trouble = ''
  const timer = setTimeout(() => {
    trouble = `not over after ${deadlineMs} ms: ${membersInWords(group)}`
    killGroup(group)
  }, deadlineMs)
  try {
    const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null]
    const left = await untilEmpty(group)
    if (left) trouble ||= `left behind: ${left}`
    const ending = { code, signal, stdout: stdout.text, stderr: stderr.text }
    if (trouble) throw new Error(`${script} ${args}: ${trouble}\n${JSON.stringify(ending, undefined, 2)}`)
    return ending
  } finally {
    clearTimeout(timer)
    killGroup(group)
  }
}

/** Runs a scene that ends well and writes nothing to stderr. Gives what it told. */
export async function playScene(
  t: ExecutionContext,
  fixture: string,
  scene: string,
  options?: ScriptOptions & { noisy?: boolean },
): Promise<Record<string, unknown>> {
  const { told, code, signal, stderr } = await runFixture(fixture, scene, options)
  const { [PLAYED]: played, ...rest } = told
  if (!options?.noisy) t.is(stderr, '')
  t.deepEqual({ played, code, signal }, { played: true, code: 0, signal: null }, stderr)
  return rest
}

function textOf(stream: NodeJS.ReadableStream): { text: string } {
  const kept = { text: '' }
  stream.setEncoding('utf8').on('data', (chunk: string) => {
    kept.text += chunk
  })
  return kept
}

function toldIn(stdout: string): Record<string, unknown> {
  const told: Record<string, unknown> = {}
  for (const line of stdout.split('\n').filter(Boolean)) {
    const { key, value } = JSON.parse(line) as { key: string; value: unknown }
    if (key in told) throw new Error(`told twice: ${key}. Did a clone return?\n${stdout}`)
    told[key] = value
  }
  return told
}
