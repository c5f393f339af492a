import * as timers from 'node:timers'
import { readScope } from './clone-context/scope.js'
import { mainGlobal, process } from './node.js'

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
    return hidden()
  } catch {
    // There is no inspector: what there is must do.
    return { ...timers }
  }
}

/** Whether `set` is Node's, by its source. */
function makes(set: (...args: never[]) => unknown, kind: 'Immediate' | 'Timeout'): boolean {
  return Function.prototype.toString.call(set).includes(`new ${kind}(`)
}

/** Node's own where others have come first: its modules took them before. */
function hidden(): Timers {
  // Variables of lib/internal/abort_controller.js.
  const own = readScope(mainGlobal.AbortSignal.timeout, ['setTimeout', 'clearTimeout']) as unknown as Timers
  const { setTimeout, clearTimeout } = own
  // Variables of lib/timers.js.
  const { Immediate, clearImmediate } = readScope(setTimeout, ['Immediate', 'clearImmediate']) as unknown as {
    Immediate: new (f: () => void, args: unknown[]) => NodeJS.Immediate
    clearImmediate: Timers['clearImmediate']
  }
  const setInterval = (f: () => void, ms: number) => Object.assign(setTimeout(f, ms), { _repeat: ms })
  return {
    setTimeout,
    clearTimeout,
    setInterval: setInterval as Timers['setInterval'],
    clearInterval: clearTimeout,
    setImmediate: ((f: () => void, ...args: unknown[]) => new Immediate(f, args)) as Timers['setImmediate'],
    clearImmediate,
  }
}
