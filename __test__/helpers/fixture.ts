import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { execPath } from 'node:process'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { ExecutionContext } from 'ava'
import { membersOf } from './processes.js'
import { PLAYED } from './scene.js'

export interface FixtureOptions {
  /** Arguments of the scene. */
  args?: string[]
  /** Arguments of node. */
  nodeArgs?: string[]
  /** A command that runs the command which follows it. */
  wrapper?: string[]
  env?: NodeJS.ProcessEnv
  uid?: number | undefined
  deadlineMs?: number
}

export interface Outcome {
  /** What the fixture told, by key. */
  told: Record<string, unknown>
  code: number | null
  signal: NodeJS.Signals | null
  stderr: string
}

const DEADLINE_MS = 40_000
/** For how long clones may take to die after their parent. */
const DYING_MS = 5000

/**
Runs a fixture in a process group of its own, to its end or to its deadline. Throws when it did not end in
time, told something twice, or left a process behind. Nothing of it is left after this.
*/
export async function runFixture(fixture: string, scene: string, options: FixtureOptions = {}): Promise<Outcome> {
  const { args = [], nodeArgs = [], wrapper = [], env = {}, uid, deadlineMs = DEADLINE_MS } = options
  const script = fileURLToPath(new URL(`../fixtures/${fixture}.js`, import.meta.url))
  const [program = execPath, ...rest] = [...wrapper, execPath, ...nodeArgs, script, scene, ...args]
  const { NODE_OPTIONS: _, ...inherited } = process.env
  const child = spawn(program, rest, {
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...inherited, ...env },
    ...(uid !== undefined && { uid, gid: uid }),
  })
  const stdout = textOf(child.stdout)
  const stderr = textOf(child.stderr)
  let trouble = ''
  const timer = setTimeout(() => {
    trouble = `not over after ${deadlineMs} ms: ${listed(child)}`
    killGroup(child)
  }, deadlineMs)
  try {
    const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null]
    trouble ||= await whatIsLeft(child)
    const outcome = { told: toldIn(stdout.text), code, signal, stderr: stderr.text }
    if (trouble) throw new Error(`${fixture}/${scene}: ${trouble}\n${JSON.stringify(outcome, undefined, 2)}`)
    return outcome
  } finally {
    clearTimeout(timer)
    killGroup(child)
  }
}

/** Runs a scene that ends well and writes nothing to stderr. Gives what it told. */
export async function playScene(
  t: ExecutionContext,
  fixture: string,
  scene: string,
  options?: FixtureOptions & { noisy?: boolean },
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

/** Waits until the group is empty. */
async function whatIsLeft(child: ChildProcess): Promise<string> {
  const deadline = performance.now() + DYING_MS
  while (membersOf(child.pid ?? 0).length > 0) {
    if (performance.now() > deadline) return `left behind: ${listed(child)}`
    await delay(5)
  }
  return ''
}

function listed({ pid = 0 }: ChildProcess): string {
  return membersOf(pid)
    .map(({ pid, parent, name, state }) => `${pid} (${name}, ${state}, child of ${parent})`)
    .join(', ')
}

function killGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // There is none.
  }
}
