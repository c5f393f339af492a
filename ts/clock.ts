import { createRequire } from 'node:module'
import * as timers from 'node:timers'
import { readScope } from './clone-context/scope.js'
import { process } from './node.js'

type Timers = Pick<
  typeof timers,
  'clearImmediate' | 'clearInterval' | 'clearTimeout' | 'setImmediate' | 'setInterval' | 'setTimeout'
>

/**
Node's own timers, taken once. Test libraries and agents put theirs in place of the globals and of what `node:timers`
exports, which may fire in the user's frames, or never.
*/
export const { setTimeout, clearTimeout, setInterval, clearInterval, setImmediate, clearImmediate } = taken()

export const { nextTick } = process

const { uptime } = process

/** Milliseconds since the process began, by a clock that nobody sets. */
export function uptimeMs(): number {
  return uptime() * 1000
}

function taken(): Timers {
  if (makes(timers.setTimeout, 'Timeout') && makes(timers.setImmediate, 'Immediate')) return { ...timers }
  try {
    return madeAnew()
  } catch {
    // There is no inspector: what there is must do.
    return { ...timers }
  }
}

/** Whether `set` is Node's, by its source. */
function makes(set: (...args: never[]) => unknown, kind: 'Immediate' | 'Timeout'): boolean {
  return Function.prototype.toString.call(set).includes(`new ${kind}(`)
}

/** What lib/internal/timers.js has, which nobody reaches. */
interface Internals {
  Timeout: new (f: () => void, ms: number, args: undefined, repeats: boolean, isReferenced: boolean) => Timer
  Immediate: new (f: () => void, args: undefined) => NodeJS.Immediate
  insert: (timer: Timer, ms: number) => void
}

type Timer = NodeJS.Timeout & { _idleTimeout: number; close(): void }

/** Node's own, made of its parts, where others have come first. */
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
  // These methods are from lib/timers.js, and so do for timers that others have made.
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
