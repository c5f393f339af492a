import { types } from 'node:util'
import { mainGlobal } from '../node.js'
import { calledInClones } from './ahead.js'
import { hold } from './hold.js'
import { privateFieldsOf } from './scope.js'

/** Where undici, and so `fetch`, keeps what it sends requests by. Set at the first request. */
const DISPATCHERS = ['undici.globalDispatcher.1', 'undici.globalDispatcher.2'].map(Symbol.for)

/** What sends requests for undici: an agent, or whatever wraps one. */
type Dispatcher = Record<symbol, unknown> & { dispatch: unknown }

/** The clients of an agent, by origin: by a weak reference in undici 5, in a record in 7. */
type Clients = Map<string, { deref?(): object | undefined; dispatcher?: object }>

const clientsOf = new WeakMap<object, Clients[]>()

/** Those that `fetch` used when the parent last looked. */
let used: Clients[] = []

/** Looks, in the parent and right before a fork, which clients `fetch` has. Only a new dispatcher takes long. */
export function surveyDispatchers(): void {
  const holder = mainGlobal as Record<symbol, unknown>
  used = DISPATCHERS.flatMap((key) => {
    const dispatcher = holder[key]
    if (!isDispatcher(dispatcher)) return []
    const clients = clientsOf.get(dispatcher) ?? findClients(dispatcher, new Set())
    clientsOf.set(dispatcher, clients)
    return clients
  })
}

/**
Finds the clients of an `Agent` of undici's (lib/dispatcher/agent.js), and of agents within a dispatcher of another kind,
as one for proxies or with interceptors is.
*/
function findClients(dispatcher: Dispatcher, seen: Set<unknown>): Clients[] {
  seen.add(dispatcher)
  const symbols = Object.getOwnPropertySymbols(dispatcher)
  const own = symbols.filter(({ description }) => description === 'clients').map((key) => dispatcher[key])
  const clients = own.filter(types.isMap) as Clients[]
  if (clients.length > 0) return clients
  return [...symbols.map((key) => dispatcher[key]), ...tryPrivateFields(dispatcher)]
    .filter(isDispatcher)
    .flatMap((inner) => (seen.has(inner) ? [] : findClients(inner, seen)))
}

function isDispatcher(value: unknown): value is Dispatcher {
  return typeof value === 'object' && value !== null && typeof (value as Dispatcher).dispatch === 'function'
}

function tryPrivateFields(dispatcher: Dispatcher): unknown[] {
  try {
    return privateFieldsOf(dispatcher)
  } catch {
    // A node without inspector. A request that meets a connection of the parent's then fails.
    return []
  }
}

/**
Has `fetch` connect anew in a clone, by the dispatcher that the parent has set: whoever made it, and with whatever
options.
*/
export function freshDispatchers(): void {
  for (const clients of used) {
    for (const [origin, client] of clients) {
      if (isMock(client.deref?.() ?? client.dispatcher ?? client)) continue
      hold(client)
      clients.delete(origin)
    }
  }
}

/** Mocks answer by themselves (lib/mock/mock-client.js). */
function isMock(client: object): boolean {
  return Object.getOwnPropertySymbols(client).some(({ description }) => description === 'dispatches')
}

calledInClones(freshDispatchers, isMock)
