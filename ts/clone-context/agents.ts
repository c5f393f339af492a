import { createRequire } from 'node:module'
import { calledInClones } from './ahead.js'
import { hold } from './hold.js'
import { isInherited, type Numbered } from './numbering.js'

// Not an import: that evaluates all that the module has, and so loads undici and compiles its parser, in every parent.
const { Agent } = createRequire(import.meta.url)('node:http') as typeof import('node:http')

/** What an agent pools, by where it leads to. */
type Pool = Record<string, object[] | undefined>

/** The pools of an agent of `node:http` or `node:https`. */
interface Pools {
  requests: Pool
  sockets: Pool
  freeSockets: Pool
  totalSocketCount: number
}

/**
Lets HTTP clients that were made before the fork connect anew.

Their pooled connections are the parent's, and dead here: a request sent on one would fail, and one that waits for
another to end would wait for ever. They are taken out of an agent's pools when it is first used, as there is no list of
agents. Those of the clone's own stay: their handles have been numbered after the fork.
*/
export function freshAgents(): void {
  const prototype = Agent.prototype as unknown as { addRequest(...args: unknown[]): unknown }
  const { addRequest } = prototype
  const seen = new WeakSet<object>()
  prototype.addRequest = function (this: Pools, ...args) {
    if (!seen.has(this)) {
      seen.add(this)
      dropConnections(this)
    }
    return addRequest.apply(this, args)
  }
}

/** Requests that wait before the clone has made any through this agent are the parent's, too. */
function dropConnections(agent: Pools): void {
  const { requests, sockets, freeSockets } = agent
  hold([requests, sockets, freeSockets])
  const [ownSockets, ownFree] = [ownOf(sockets), ownOf(freeSockets)]
  const gone = sizeOf(sockets) + sizeOf(freeSockets) - sizeOf(ownSockets) - sizeOf(ownFree)
  const count = Math.max(agent.totalSocketCount - gone, 0)
  const none: Pool = Object.create(null)
  Object.assign(agent, { requests: none, sockets: ownSockets, freeSockets: ownFree, totalSocketCount: count })
}

function sizeOf(pool: Pool): number {
  return Object.values(pool).flat().length
}

function ownOf(pool: Pool): Pool {
  const own: Pool = Object.create(null)
  for (const [name, sockets = []] of Object.entries(pool)) {
    const made = sockets.filter(isOwn)
    if (made.length > 0) own[name] = made
  }
  return own
}

/** One without a number may be the parent's. */
function isOwn(socket: { _handle?: Numbered | null }): boolean {
  return isInherited(socket._handle ?? {}) === false
}

calledInClones(freshAgents)
