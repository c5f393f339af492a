import { types } from 'node:util'
import type { Callable } from '../types/callable.js'
import { privateFieldsOf, variablesOf } from './closure-variables.js'
import { expectFact, isObject } from './fact.js'
import { mainGlobal } from './process.js'
import { sourceOf } from './source.js'
import { callbackOf, timersOf } from './timers.js'

/**
Symbols of the global object under which undici, and so `fetch`, keeps its dispatchers. Set at the first request.

`lib/global.js` of undici 5 to 7, and of 8; Node 20 to 26.
*/
const DISPATCHERS = ['undici.globalDispatcher.1', 'undici.globalDispatcher.2'].map(Symbol.for)

/** Object that undici sends requests with: an agent, or a wrapper of one. */
export type Dispatcher = Record<symbol, unknown> & { dispatch: unknown }

/** Clients of an agent by origin: in a weak reference in undici 5, in a record in 7. */
export type Clients = Map<string, { deref?(): object | undefined; dispatcher?: object }>

/** Returns the dispatchers that `fetch` sends requests with. */
export function globalDispatchers(): Dispatcher[] {
  const holder = mainGlobal as Record<symbol, unknown>
  return DISPATCHERS.map((key) => holder[key]).filter(isDispatcher)
}

/**
Returns the clients of a dispatcher: of an `Agent`, under the symbol `clients`, or of the agents within another kind of
dispatcher, such as one for proxies or with interceptors.

`lib/dispatcher/agent.js` of undici; Node 20 to 26.

@throws {QcloneError} `ERR_QCLONE_UNSUPPORTED` if an agent of undici has none.
*/
export function clientsOf(dispatcher: Dispatcher, seen = new Set<unknown>()): Clients[] {
  seen.add(dispatcher)
  const clients = clientsOfAgent(dispatcher)
  if (clients.length > 0) return clients
  expectFact('Agent[clients]', 'deps/undici/src/lib/dispatcher/agent.js', () => !isAgent(dispatcher))
  const values = Object.getOwnPropertySymbols(dispatcher).map((key) => dispatcher[key])
  return [...values, ...tryPrivateFields(dispatcher)]
    .filter(isDispatcher)
    .flatMap((inner) => (seen.has(inner) ? [] : clientsOf(inner, seen)))
}

function clientsOfAgent(dispatcher: Dispatcher): Clients[] {
  return Object.getOwnPropertySymbols(dispatcher)
    .filter(({ description }) => description === 'clients')
    .map((key) => dispatcher[key])
    .filter(types.isMap) as Clients[]
}

/** Returns whether a dispatcher is an `Agent` of undici, rather than another class with that name. */
function isAgent(dispatcher: object): boolean {
  const parent = Object.getPrototypeOf(Object.getPrototypeOf(dispatcher) ?? {})
  return dispatcher.constructor?.name === 'Agent' && parent?.constructor?.name === 'DispatcherBase'
}

function isDispatcher(value: unknown): value is Dispatcher {
  return isObject(value) && typeof (value as Dispatcher).dispatch === 'function'
}

function tryPrivateFields(dispatcher: Dispatcher): unknown[] {
  try {
    return privateFieldsOf(dispatcher)
  } catch {
    // Without the inspector, a request on an inherited connection fails.
    return []
  }
}

/**
Returns whether a client is a mock, which answers by itself: one with the symbol `dispatches`. `lib/mock/mock-client.js`
of undici.
*/
export function isMock(client: object): boolean {
  return Object.getOwnPropertySymbols(client).some(({ description }) => description === 'dispatches')
}

/**
Milliseconds between two ticks of undici's clock, the single timer behind all timeouts of a copy: since version 6.19,
and before it. `lib/util/timers.js` of undici.
*/
const INTERVALS_MS = [499, 1000]

/** Properties of undici's timeouts: since 6.20, and before. The tick function's source has them, even in bundles. */
const SHAPES = [
  ['_state', '_idleStart', '_idleTimeout', '_onTimeout', '_timerArg'],
  ['state', 'callback', 'delay', 'opaque'],
]

/** Timeouts of each clock, by its tick function. */
const timeoutsOf = new WeakMap<Callable, unknown[]>()

/** Functions of timers that are not such a clock. */
const others = new WeakSet<Callable>()

/**
Returns the timeouts of the running clocks of undici. Node has a copy of undici, and bundles can have others, so clocks
are recognized by their structure. The first look at a clock takes a few milliseconds.
*/
export function runningTimeouts(): unknown[][] {
  const running: unknown[][] = []
  for (const timer of INTERVALS_MS.flatMap(timersOf)) {
    const tick = callbackOf(timer)
    if (!isFunction(tick) || others.has(tick)) continue
    const timeouts = timeoutsOf.get(tick) ?? findTimeouts(timer, tick)
    if (timeouts) running.push(timeouts)
  }
  return running
}

function isFunction(value: unknown): value is Callable {
  return typeof value === 'function'
}

/** Returns the array of timeouts that a clock's tick function closes over, along with its timer. */
function findTimeouts(timer: NodeJS.Timeout, tick: Callable): unknown[] | undefined {
  const source = sourceOf(tick)
  const shape = SHAPES.find((names) => names.every((name) => source.includes(name)))
  const variables = shape ? [...variablesOf(tick).values()] : []
  if (!shape || !variables.includes(timer)) {
    others.add(tick)
    return undefined
  }
  const isTimeout = (item: unknown) => isObject(item) && shape.every((name) => Object.hasOwn(item, name))
  const found = variables.find((value): value is unknown[] => Array.isArray(value) && value.some(isTimeout))
  if (found) timeoutsOf.set(tick, found)
  return found
}
