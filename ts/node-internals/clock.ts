import { createRequire } from 'node:module'
import * as timers from 'node:timers'
import { readScope } from './closure-variables.js'
import { process } from './process.js'
import { sourceOf } from './source.js'

type Timers = Pick<
  typeof timers,
  'clearImmediate' | 'clearInterval' | 'clearTimeout' | 'setImmediate' | 'setInterval' | 'setTimeout'
>

/**
Node's own timers, taken once. Test libraries and agents replace the globals and the exports of `node:timers` with
timers that may fire in the middle of user code, or never.
*/
export const { setTimeout, clearTimeout, setInterval, clearInterval, setImmediate, clearImmediate } = taken()

/** Node's own `process.nextTick`, taken once, for the same reason. */
export const nextTick = takenTick()

const { uptime } = process

/** Returns the milliseconds since the process started, by a monotonic clock. */
export function uptimeMs(): number {
  return uptime() * 1000
}

/** Returns the milliseconds until `time`, by {@link uptimeMs}; at least 1. */
export function msUntil(time: number): number {
  return Math.max(time - uptimeMs(), 1)
}

function taken(): Timers {
  if (makes(timers.setTimeout, 'Timeout') && makes(timers.setImmediate, 'Immediate')) return { ...timers }
  try {
    return madeAnew()
  } catch {
    // Without the inspector, only the replacements are available.
    return { ...timers }
  }
}

/** Returns whether `set` is Node's, by its source. */
function makes(set: (...args: never[]) => unknown, kind: 'Immediate' | 'Timeout'): boolean {
  return sourceOf(set).includes(`new ${kind}(`)
}

function takenTick(): typeof process.nextTick {
  const { nextTick: found, _tickCallback: runTicks } = process as TickInternals
  if (sourceOf(found).includes('setHasTickScheduled(')) return found
  try {
    return readScope(runTicks, ['nextTick']).nextTick as typeof found
  } catch {
    // Without the inspector, only the replacement is available.
    return found
  }
}

type TickInternals = NodeJS.Process & {
  /** Runs all ticks. Defined in the file of `nextTick`. `lib/internal/process/task_queues.js`; Node 20 to 26. */
  _tickCallback: () => void
}

/** Parts of `lib/internal/timers.js` that no API exposes. */
interface Internals {
  Timeout: new (f: () => void, ms: number, args: undefined, repeats: boolean, isReferenced: boolean) => Timer
  Immediate: new (f: () => void, args: undefined) => NodeJS.Immediate
  insert: (timer: Timer, ms: number) => void
}

type Timer = NodeJS.Timeout & { _idleTimeout: number; close(): void }

/** Makes timers from Node's own parts, if other code replaced Node's timers before this module was loaded. */
function madeAnew(): Timers {
  const { scheduler } = createRequire(import.meta.url)('node:timers/promises')
  // Variables of lib/timers/promises.js.
  const names = ['Timeout', 'Immediate', 'insert']
  const found = readScope(Object.getPrototypeOf(scheduler).yield, names) as unknown as Internals
  const { Timeout, Immediate, insert } = found
  const set = (f: () => void, ms: number, repeats: boolean) => {
    const timer = new Timeout(f, ms, undefined, repeats, true)
    insert(timer, timer._idleTimeout)
    return timer
  }
  // These methods are from lib/timers.js, and so also work for timers that others have made.
  const { close } = Timeout.prototype as Timer
  const { [Symbol.dispose]: dispose } = Immediate.prototype as NodeJS.Immediate
  const clear = (timer: Timer | undefined) => timer && close.call(timer)
  const made = {
    setTimeout: (f: () => void, ms: number) => set(f, ms, false),
    setInterval: (f: () => void, ms: number) => set(f, ms, true),
    setImmediate: (f: () => void) => new Immediate(f, undefined),
    clearTimeout: clear,
    clearInterval: clear,
    clearImmediate: (immediate: NodeJS.Immediate | undefined) => immediate && dispose.call(immediate),
  }
  return made as unknown as Timers
}
