import { once } from 'node:events'
import { writeSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { join } from 'node:path'
import type { Writable } from 'node:stream'
import { setTimeout as delay, setImmediate as nextTurn } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import { type Clone, clones, QcloneError, reap, run, spawn, type WaitStatus } from 'node-qclone'
import { standForever } from '../../harness/stand.js'
import type { Scene } from './scene.js'

/** How a clone must end. */
export type End = { readonly status: number } | { readonly signal: NodeJS.Signals }

/** Expected result of `run`, for a clone that answers before it ends. */
export type Outcome = { readonly value: unknown } | { readonly error: { name: string; message: string } }

/** One way for a clone to live and end. */
export interface Kind {
  readonly by: 'run' | 'spawn'
  readonly name: string
  readonly end: End
  /** Default: the clone dies without an answer. */
  readonly outcome?: Outcome
  /** Bytes it writes to stdout. */
  readonly output?: number
  /** Runs in the clone. */
  readonly act: (scene: Scene) => unknown
  /** Runs in the parent right after the fork. */
  readonly inParent?: (clone: Clone) => void
}

/** Byte that clones write to stdout. V8's out-of-memory report does not contain it. */
export const OUTPUT_BYTE = 0x01
const OUTPUT_BYTES = 256 * 1024
const OWN_READS = 20
/** Longer than any clone takes to start. */
const KILL_DELAY_MS = 200

const never = () => new Promise<never>(() => {})
/** Keeps the event loop alive, which would otherwise end. */
const goOn = () => new Promise<never>(() => setInterval(() => {}, 1000))

/** Endings that both `run` and `spawn` have. `stay` waits for whatever ends the clone. */
const ofBoth = (stay: () => unknown): Array<Omit<Kind, 'by'>> => [
  { name: 'process.exit(7)', end: { status: 7 }, act: () => process.exit(7) },
  { name: 'process.abort()', end: { signal: 'SIGABRT' }, act: () => process.abort() },
  ...(['SIGSEGV', 'SIGKILL', 'SIGTERM'] as const).map((signal) => ({
    name: signal,
    end: { signal },
    act: () => {
      process.kill(process.pid, signal)
      return stay()
    },
  })),
  { name: 'out of memory', end: { signal: 'SIGABRT' }, act: allocateForEver },
  {
    name: 'its parent sends SIGTERM at once',
    end: { signal: 'SIGTERM' },
    act: stay,
    inParent: (clone) => clone.kill(),
  },
  {
    name: 'its parent sends SIGKILL later',
    end: { signal: 'SIGKILL' },
    act: stay,
    inParent: (clone) => setTimeout(() => clone.kill('SIGKILL'), KILL_DELAY_MS),
  },
]

const ofRun: Array<Omit<Kind, 'by'>> = [
  ...ofBoth(goOn),
  {
    name: 'returns a value',
    end: { status: 0 },
    outcome: { value: { text: 'value', list: [1, 2, 3] } },
    act: () => ({ text: 'value', list: [1, 2, 3] }),
  },
  {
    name: 'timers, files, a server, fetch; a value',
    end: { status: 0 },
    outcome: { value: 'asked for /path' },
    act: useEventLoop,
  },
  { name: 'throws', end: { status: 1 }, ...fails('RangeError', 'thrown'), act: throwError },
  {
    name: 'rejects',
    end: { status: 1 },
    ...fails('TypeError', 'rejected'),
    act: async () => {
      await delay(2)
      throw new TypeError('rejected')
    },
  },
  {
    name: 'uncaught error in a callback',
    end: { status: 1 },
    ...fails('RangeError', 'thrown'),
    act: () => {
      setTimeout(throwError, 2)
      return goOn()
    },
  },
  {
    name: 'unhandled rejection',
    end: { status: 1 },
    ...fails('Error', 'nobody handles it'),
    act: () => {
      setTimeout(() => Promise.reject(new Error('nobody handles it')), 2)
      return goOn()
    },
  },
  {
    name: 'process.exit(7) in a callback',
    end: { status: 7 },
    act: () => {
      setTimeout(() => process.exit(7), 2)
      return goOn()
    },
  },
  {
    name: 'process.exitCode = 9, natural end',
    end: { status: 9 },
    act: async () => {
      process.exitCode = 9
      await delay(2)
      await never()
    },
  },
  {
    name: 'natural end, pending promise',
    end: { status: 13 },
    act: async () => {
      await delay(2)
      await never()
    },
  },
  {
    name: 'clones itself by run',
    end: { status: 0 },
    outcome: { value: ['inner', 3] },
    act: async () => [await run(() => delay(1, 'inner')), await innerStatus()],
  },
  {
    name: 'clones itself by spawn',
    end: { status: 0 },
    outcome: { value: 5 },
    act: async () => (await spawn(() => 5).exited).status,
  },
  {
    name: 'an exit listener throws',
    end: { status: 0 },
    outcome: { value: 'answered' },
    act: () => {
      process.on('exit', throwError)
      return 'answered'
    },
  },
  {
    name: 'large output, then a value',
    end: { status: 0 },
    outcome: { value: 'written' },
    output: OUTPUT_BYTES,
    act: async () => {
      await new Promise((resolve) => process.stdout.write(largeOutput(), resolve))
      return 'written'
    },
  },
  {
    name: 'large output, then a natural end',
    end: { status: 4 },
    output: OUTPUT_BYTES,
    act: () => {
      process.stdout.write(largeOutput())
      process.exitCode = 4
      return never()
    },
  },
  {
    name: "destroys all that is its parent's",
    end: { status: 0 },
    outcome: { value: 'done' },
    act: destroyAll,
  },
]

const ofSpawn: Array<Omit<Kind, 'by'>> = [
  ...ofBoth(standForever),
  { name: 'returns 0', end: { status: 0 }, act: () => 0 },
  { name: 'returns 200', end: { status: 200 }, act: () => 200 },
  { name: 'returns no status', end: { status: 255 }, act: () => 'text' },
  { name: 'throws', end: { status: 1 }, act: throwError },
  {
    name: 'process.exitCode = 9, returns 3',
    end: { status: 3 },
    act: () => {
      process.exitCode = 9
      return 3
    },
  },
  { name: 'clones itself', end: { status: 6 }, act: () => (innerStatusNow() === 3 ? 6 : 1) },
  {
    name: 'an exit listener throws',
    end: { status: 0 },
    act: () => {
      process.on('exit', throwError)
      return 0
    },
  },
  { name: 'large output, returns 4', end: { status: 4 }, output: OUTPUT_BYTES, act: writeLargeOutput },
]

const named = (by: Kind['by'], kinds: ReadonlyArray<Omit<Kind, 'by'>>): Kind[] =>
  kinds.map((kind) => ({ by, ...kind }))

/** Made alternately by `run` and `spawn`, each from its own list. */
export const KINDS = { run: named('run', ofRun), spawn: named('spawn', ofSpawn) } as const

/** Describes what is wrong with the end of a clone, if anything. */
export function faultOf(
  kind: Kind,
  status: WaitStatus,
  outcome?: PromiseSettledResult<unknown>,
): string | undefined {
  const { end } = kind
  const told = status.signal ?? status.status
  const expected = 'signal' in end ? end.signal : end.status
  if (told !== expected) return `ended by ${told}, not by ${expected}`
  if (status.coredumped) return 'left a core dump'
  if (!outcome) return undefined
  return isExpected(kind, outcome) ? undefined : `the result of run was ${describe(outcome)}`
}

function isExpected({ end, outcome }: Kind, settled: PromiseSettledResult<unknown>): boolean {
  if (settled.status === 'fulfilled') {
    return outcome !== undefined && 'value' in outcome && isDeepStrictEqual(settled.value, outcome.value)
  }
  const { reason } = settled
  if (!outcome) {
    const { status, signal } = reason instanceof QcloneError ? { ...reason.status } : {}
    return (
      reason.code === 'ERR_QCLONE_DIED' && ('signal' in end ? signal === end.signal : status === end.status)
    )
  }
  if (!('error' in outcome)) return false
  const { name, message } = outcome.error
  return reason instanceof Error && reason.name === name && reason.message === message
}

function describe(settled: PromiseSettledResult<unknown>): string {
  if (settled.status === 'fulfilled') return JSON.stringify(settled.value)
  return settled.reason instanceof Error ? `${settled.reason.stack}` : String(settled.reason)
}

function fails(name: string, message: string) {
  return { outcome: { error: { name, message } } }
}

function throwError(): never {
  throw new RangeError('thrown')
}

async function useEventLoop(scene: Scene): Promise<string> {
  const folder = await mkdtemp(join(scene.folder, 'clone-'))
  const file = join(folder, 'file')
  await Promise.all([delay(5), nextTurn(), writeFile(file, '/path')])
  const path = await readFile(file, 'utf8')
  await rm(folder, { recursive: true })
  const server = createServer((request, response) => response.end(`asked for ${request.url}`))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const reply = await fetch(`http://127.0.0.1:${port}${path}`)
  const text = await reply.text()
  await new Promise((resolve) => {
    server.close(resolve)
    server.closeAllConnections()
  })
  return text
}

async function innerStatus(): Promise<number | undefined> {
  return (await spawn(() => 3).exited).status
}

/** Polls, as there is no event loop to call back. */
function innerStatusNow(): number | undefined {
  spawn(() => 3)
  let ended: WaitStatus[] = []
  while (clones().length > 0) ended = reap()
  return ended[0]?.status
}

function allocateForEver(): never {
  const kept: unknown[] = []
  for (;;) kept.push(new Array(1000).fill(kept.length))
}

function largeOutput(): Buffer {
  return Buffer.alloc(OUTPUT_BYTES, OUTPUT_BYTE)
}

function writeLargeOutput(): number {
  let rest = largeOutput()
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(1, rest))
    } catch (error) {
      // Node does not wait on a full pipe.
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error
    }
  }
  return 4
}

/** Would affect the parent and its client if any of these objects were still shared. */
async function destroyAll(scene: Scene): Promise<string> {
  scene.expectAborts()
  for (const socket of scene.sockets) {
    socket.write('HTTP/1.1 500 from a clone\r\n\r\n')
    socket.destroy()
  }
  scene.server.closeAllConnections()
  scene.server.close()
  scene.watcher.close()
  // Writing to the parent's child process fails.
  const failed = once(scene.child.stdin as Writable, 'error')
  scene.child.stdin?.write('from a clone\n')
  scene.child.stdin?.end()
  for (const handle of (process as unknown as { _getActiveHandles(): object[] })._getActiveHandles()) {
    if ('destroy' in handle && handle !== process.stdout && handle !== process.stderr) {
      ;(handle as Socket).destroy()
    }
  }
  const [{ code }] = (await failed) as [NodeJS.ErrnoException]
  // The clone's own reads work, although the parent's requests were cancelled.
  for (let i = 0; i < OWN_READS; i++) await readFile(new URL(import.meta.url))
  return code === 'EPIPE' ? 'done' : `the write to the child ended by ${code}`
}
