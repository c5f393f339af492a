import { createRequire } from 'node:module'
import { calledInClones } from './ahead.js'

// Not an import: that evaluates all that the module has, and so loads undici and compiles its parser, in every parent.
const { Agent } = createRequire(import.meta.url)('node:http') as typeof import('node:http')

/** The pools of an agent of `node:http` or `node:https`. */
interface Pools {
  requests: object
  sockets: object
  freeSockets: object
  totalSocketCount: number
}

/**
Lets HTTP clients that were made before the fork connect anew.

Their pooled connections are the parent's, and dead here: a request sent on one would fail, and one that waits for
another to end would wait for ever. An agent's pools are emptied when it is first used: there is no list of agents.
*/
export function freshAgents(): void {
  const prototype = Agent.prototype as unknown as { addRequest(...args: unknown[]): unknown }
  const { addRequest } = prototype
  const emptied = new WeakSet<object>()
  prototype.addRequest = function (this: Pools, ...args) {
    if (!emptied.has(this)) {
      emptied.add(this)
      const none = () => Object.create(null) as object
      Object.assign(this, { requests: none(), sockets: none(), freeSockets: none(), totalSocketCount: 0 })
    }
    return addRequest.apply(this, args)
  }
  freshDispatchers()
}

/** Where undici, and so `fetch`, keeps what it sends requests by. Set at the first request. */
const DISPATCHERS = ['undici.globalDispatcher.1', 'undici.globalDispatcher.2'].map(Symbol.for)

/** The same for `fetch`, unless somebody has put a dispatcher of another kind in place of node's. */
function freshDispatchers(): void {
  const holder = globalThis as Record<symbol, object | undefined>
  for (const key of DISPATCHERS) {
    const Dispatcher = holder[key]?.constructor as (new () => object) | undefined
    if (Dispatcher && OF_NODE.includes(Dispatcher.name)) holder[key] = new Dispatcher()
  }
}

const OF_NODE = ['Agent', 'EnvHttpProxyAgent']

calledInClones(freshAgents, freshDispatchers)
