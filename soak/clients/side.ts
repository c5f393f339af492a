import { setTimeout as delay } from 'node:timers/promises'
import type { Tally } from '../../harness/apps/main.js'
import type { Seen } from '../../harness/clients/seen.js'
import { type RunningServer, startServer } from '../../harness/clients/server.js'
import { CLIENTS, type Client, type ClientName } from './families.js'

/** Everything a client saw of an app, and the figures of the app. */
export interface Side {
  readonly seen: readonly Seen[]
  readonly tally: Tally
}

export interface SideOptions {
  readonly app: string
  readonly client: ClientName
  readonly clone: boolean
  readonly wrong: boolean
  readonly loadSeconds: number
}

/** A clone needs a moment to notice that its client has left. */
const ALIVE_LIMIT_MS = 10_000
const ALIVE_STEP_MS = 20
/** Matches errors caused by a client that has left. The message depends on when it left. */
const GONE = /aborted|ECONNRESET|EPIPE|premature close|parse error|\[object Object\]/i

/** Runs a client against a fresh server. */
export async function seeSide({ app, client, loadSeconds, ...options }: SideOptions): Promise<Side> {
  const server = await startServer(app, options)
  const { see }: Client = CLIENTS[client]
  try {
    const seen = await see(server, loadSeconds)
    const tally = await atRest(server)
    const { ending, stderr } = await server.end()
    const itself = {
      ending,
      stderr: errorsIn(stderr),
      'clones left': `${tally.alive}`,
      'in the way of clones': server.started.obstacle ?? 'nothing',
    }
    const expected = { ending: 'status 0', 'clones left': '0', 'in the way of clones': 'nothing' }
    return {
      seen: [...seen, { what: 'the server itself', requests: 0, facts: itself, expected, mayClose: false }],
      tally,
    }
  } finally {
    await server.end()
  }
}

async function atRest(server: RunningServer): Promise<Tally> {
  const deadline = performance.now() + ALIVE_LIMIT_MS
  for (;;) {
    const tally = await server.tally()
    if (tally.alive === 0 || performance.now() > deadline) return tally
    await delay(ALIVE_STEP_MS)
  }
}

/** Returns a server's error output, without stacks, which name the caller, and without errors of lost connections. */
function errorsIn(stderr: string): string {
  return stderr
    .replace(/\(node:\d+\)/g, '(node:PID)')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !/^at |^[{}]$|^code: /.test(line) && !GONE.test(line))
    .map((line) => line.replace(/ \{$/, ''))
    .join('\n')
}
