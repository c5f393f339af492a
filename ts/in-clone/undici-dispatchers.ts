import {
  type Clients,
  clientsOf,
  type Dispatcher,
  globalDispatchers,
  isMock,
} from '../node-internals/undici.js'
import { hold } from './hold.js'
import { calledInClones } from './precompile.js'

const known = new WeakMap<Dispatcher, Clients[]>()

/** Clients of `fetch` at the last survey. */
let used: Clients[] = []

/** In the parent, right before a fork: notes which clients `fetch` has. Only a new dispatcher takes long. */
export function surveyDispatchers(): void {
  used = globalDispatchers().flatMap((dispatcher) => {
    const clients = known.get(dispatcher) ?? clientsOf(dispatcher)
    known.set(dispatcher, clients)
    return clients
  })
}

/**
In a clone: makes `fetch` reconnect through the dispatcher that the parent has set, from any copy of undici and with any
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

calledInClones(freshDispatchers, isMock)
