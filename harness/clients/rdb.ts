import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { killGroup, membersInWords, untilEmpty } from '../group.js'
import { HOST } from './target.js'

/** How the database ended. */
export interface RdbEnding {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stderr: string
  /** Remaining processes, described. */
  readonly left: string
  readonly updates: number
  readonly longestStallMs: number
  readonly latencyMs: { readonly p50: number; readonly p99: number; readonly max: number }
  readonly troubles: readonly string[]
}

/** Example `rdb` in its own process. */
export interface RunningRdb {
  readonly pid: number
  readonly origin: string
  readonly ports: {
    readonly http: number
    readonly kdb: number
    readonly sessions: number
    readonly json: number
  }
  /** Sends a signal to end it. */
  end(signal?: NodeJS.Signals): Promise<RdbEnding>
}

const MAIN = fileURLToPath(new URL('../../examples/rdb/main.js', import.meta.url))
/** It ends after this time at the latest. */
const LONGEST_S = 300
const START_LIMIT_MS = 60_000
const END_LIMIT_MS = 15_000
const ANY_PORTS = ['http', 'kdb', 'session', 'json'].flatMap((name) => [`--${name}-port`, '0'])

/** Starts it on free ports, in a process group that is killed on exit. */
export async function startRdb(...args: string[]): Promise<RunningRdb> {
  const { NODE_OPTIONS: _, ...env } = process.env
  const child = spawn(
    process.execPath,
    [MAIN, '--json', '--seconds', `${LONGEST_S}`, ...ANY_PORTS, ...args],
    { detached: true, stdio: ['ignore', 'pipe', 'pipe'], env },
  )
  const { pid: group = 0 } = child
  const kill = () => killGroup(group)
  process.on('exit', kill)
  let stderr = ''
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    stderr += chunk
  })
  const closed = once(child, 'close') as Promise<[RdbEnding['code'], RdbEnding['signal']]>
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const told = async (limitMs: number) => {
    const timer = setTimeout(kill, limitMs)
    const { value } = await lines.next()
    clearTimeout(timer)
    if (value === undefined) throw new Error(`rdb has ended: ${await closed}\n${stderr}`)
    return JSON.parse(value)
  }
  const { ready } = await told(START_LIMIT_MS)
  return {
    ...ready,
    origin: `http://${HOST}:${ready.ports.http}`,
    async end(by = 'SIGTERM') {
      child.kill(by)
      try {
        const { ended } = await told(END_LIMIT_MS)
        const timer = setTimeout(kill, END_LIMIT_MS)
        const [code, signal] = await closed
        clearTimeout(timer)
        await untilEmpty(group)
        return { ...ended, code, signal, stderr, left: membersInWords(group) }
      } finally {
        kill()
        process.off('exit', kill)
      }
    },
  }
}
