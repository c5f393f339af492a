import { handleOf } from '../node-internals/handles.js'
import { beforeRequests, type Pool, type Pools, replacePools } from '../node-internals/http-agents.js'
import { isInherited } from './handle-numbers.js'
import { hold } from './hold.js'
import { calledInClones } from './precompile.js'

/**
Makes HTTP clients created before the fork reconnect.

Their pooled connections belong to the parent and are dead in a clone: a request sent on one would fail, and a request
that waits for another to end would wait forever. They are removed from an agent's pools at the agent's first use, since
there is no list of agents. The clone's own connections stay: their handles were numbered after the fork.
*/
export function freshAgents(): void {
  const seen = new WeakSet<object>()
  beforeRequests((agent) => {
    if (seen.has(agent)) return
    seen.add(agent)
    dropConnections(agent)
  })
}

/**
Removes inherited connections and all waiting requests: before the agent's first use in a clone, all are the parent's.
*/
function dropConnections(agent: Pools): void {
  const { requests, sockets, freeSockets } = agent
  hold([requests, sockets, freeSockets])
  const [ownSockets, ownFree] = [ownOf(sockets), ownOf(freeSockets)]
  const gone = sizeOf(sockets) + sizeOf(freeSockets) - sizeOf(ownSockets) - sizeOf(ownFree)
  replacePools(agent, { requests: Object.create(null), sockets: ownSockets, freeSockets: ownFree }, gone)
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

/** Returns whether a connection is the clone's own. One without an async id may be the parent's. */
function isOwn(socket: object): boolean {
  return isInherited(handleOf(socket) ?? {}) === false
}

calledInClones(freshAgents, beforeRequests)
