import { createRequire } from 'node:module'
import { QcloneError } from '../errors.js'
import { type Callable, calledInClones } from './ahead.js'
import { hold } from './hold.js'
import { readScope, variablesOf } from './scope.js'
import { timersOf } from './timers.js'

// Not an import: see agents.ts.
const { OutgoingMessage } = createRequire(import.meta.url)('node:http') as typeof import('node:http')

/** Forgets the date that node has for headers. Until then its timer would have to do so, and it is the parent's. */
let forgetDate: (() => void) | undefined

/**
Finds node's clock for the `Date` header (lib/internal/http.js): a variable, which a timer clears each second. Done once,
in the parent, before the first fork that needs it.

@throws {QcloneError} `ERR_QCLONE_UNSUPPORTED` when it cannot be found.
*/
export function findDate(): void {
  if (forgetDate) return
  try {
    const [utcDate] = variablesOf(OutgoingMessage, (name) => CALLED_FOR_DATE.includes(name)).values()
    forgetDate = readScope(utcDate as Callable, ['resetCache']).resetCache as () => void
    calledInClones(forgetDate, utcDate as Callable)
  } catch (cause) {
    const message =
      'this node does not show its clock for the `Date` header, which would stand still in a clone: only `spawn` works'
    throw new QcloneError('ERR_QCLONE_UNSUPPORTED', message, { cause })
  }
}

/** By this lib/_http_outgoing.js asks for the date: the first since Node 26. */
const CALLED_FOR_DATE = ['utcDateHeader', 'utcDate']

/** Milliseconds between two ticks of undici's clock: since 6.19, and before. */
const INTERVALS_MS = [499, 1000]

/** Properties of undici's timeouts: since 6.20, and before. The function that ticks names them, in bundles too. */
const SHAPES = [
  ['_state', '_idleStart', '_idleTimeout', '_onTimeout', '_timerArg'],
  ['state', 'callback', 'delay', 'opaque'],
]

/** The timeouts of each clock, by the function that ticks. */
const timeoutsOf = new WeakMap<Callable, unknown[]>()

/** Functions of other timers. */
const others = new WeakSet<Callable>()

/** The timeouts of the clocks that were running when the parent last looked. */
let running: unknown[][] = []

/**
Looks, in the parent and right before a fork, which clocks of undici run: the one timer by which a copy does all of its
timeouts (lib/util/timers.js). Node has a copy, and bundles have theirs, so that they are known by what they are made of.
*/
export function surveyClocks(): void {
  running = []
  for (const timer of INTERVALS_MS.flatMap(timersOf)) {
    // Any value, in one of `timers.enroll`.
    const tick: unknown = timer._onTimeout
    if (!isFunction(tick) || others.has(tick)) continue
    // Seen for the first time, a clock takes some milliseconds.
    const timeouts = timeoutsOf.get(tick) ?? findTimeouts(timer, tick)
    if (timeouts) running.push(timeouts)
  }
}

function isFunction(value: unknown): value is Callable {
  return typeof value === 'function'
}

/** The array of timeouts that a clock's function closes over, along with its timer. */
function findTimeouts(timer: NodeJS.Timeout, tick: Callable): unknown[] | undefined {
  const source = Function.prototype.toString.call(tick)
  const shape = SHAPES.find((names) => names.every((name) => source.includes(name)))
  const variables = shape ? [...variablesOf(tick).values()] : []
  if (!shape || !variables.includes(timer)) {
    others.add(tick)
    return undefined
  }
  const isTimeout = (item: unknown) =>
    typeof item === 'object' && item !== null && shape.every((name) => Object.hasOwn(item, name))
  const found = variables.find((value): value is unknown[] => Array.isArray(value) && value.some(isTimeout))
  if (found) timeoutsOf.set(tick, found)
  return found
}

/**
Takes what is the parent's out of clocks that the clone's own code uses on. Their timers have been stopped: undici starts
its own again when it has something to time.
*/
export function resetClocks(): void {
  forgetDate?.()
  for (const timeouts of running) hold(timeouts.splice(0))
}

calledInClones(resetClocks)
