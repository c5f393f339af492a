import { createRequire } from 'node:module'
import { expectFact } from './fact.js'

// Not an import, which reads all exports of the module, and so loads undici and compiles its parser in every parent.
const { Agent } = createRequire(import.meta.url)('node:http') as typeof import('node:http')

/** Requests or connections of an agent, by destination. */
export type Pool = Record<string, object[] | undefined>

/** Pools of an agent of `node:http` or `node:https`. `lib/_http_agent.js`; Node 20 to 26. */
export interface Pools {
  /** Requests that wait for a connection. */
  requests: Pool
  /** Connections with a request in progress. */
  sockets: Pool
  /** Idle connections. */
  freeSockets: Pool
  /** Number of connections in both, limited by `maxTotalSockets`. */
  totalSocketCount: number
}

interface Internals {
  addRequest(this: Pools, ...args: unknown[]): unknown
}

/**
Calls `act` before an agent takes a request, by patching `Agent.prototype.addRequest`, which every request calls.

`lib/_http_agent.js`, `lib/_http_client.js`; Node 20 to 26.
*/
export function beforeRequests(act: (agent: Pools) => void): void {
  const prototype = Agent.prototype as unknown as Internals
  const { addRequest } = prototype
  prototype.addRequest = function (...args) {
    act(this)
    return addRequest.apply(this, args)
  }
}

/** Replaces the pools of an agent with pools that have `gone` fewer connections. */
export function replacePools(agent: Pools, pools: Omit<Pools, 'totalSocketCount'>, gone: number): void {
  Object.assign(agent, pools, { totalSocketCount: Math.max(agent.totalSocketCount - gone, 0) })
}

export function verifyAgents(): void {
  const file = 'lib/_http_agent.js'
  const pools = new Agent() as unknown as Record<keyof Pools, unknown>
  const { addRequest } = Agent.prototype as unknown as Internals
  expectFact('Agent.prototype.addRequest', file, () => typeof addRequest === 'function')
  for (const name of ['requests', 'sockets', 'freeSockets'] as const) {
    expectFact(`agent.${name}`, file, () => Object.keys(pools[name] as object).length === 0)
  }
  expectFact('agent.totalSocketCount', file, () => pools.totalSocketCount === 0)
}
