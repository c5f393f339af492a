import type { Callable } from '../types/callable.js'
import { QcloneError } from '../types/errors.js'
import { clearImmediate, clearTimeout, setImmediate, setTimeout } from './clock.js'
import { readScope } from './closure-variables.js'
import { expectFact, isObject } from './fact.js'
import { process } from './process.js'

/** Timer or immediate, as Node links them. `lib/internal/linkedlist.js`, `lib/internal/timers.js`; Node 20 to 26. */
interface Linked {
  _idleNext: Linked | null
  _idlePrev: Linked | null
}

/** Timer, or any object passed to `timers.enroll`. `lib/internal/timers.js`; Node 20 to 26. */
export interface Timer extends Linked {
  /** Whether the timer has fired for the last time, or was cleared. `refresh()` starts such a timer again. */
  _destroyed: boolean
  /** Function that the timer calls. Any value in an object of `timers.enroll`. */
  readonly _onTimeout: unknown
}

/** List of the timers of one duration: a ring that includes the list itself. */
export type TimerList = Linked

interface ImmediateQueue {
  head: Linked | null
  remove: (immediate: Linked) => void
}

/** Variables of `lib/internal/timers.js` that functions of `lib/timers.js` close over; Node 20 to 26. */
interface Internals {
  /** Lists of timers by duration in milliseconds. */
  timerListMap: Record<string, TimerList>
  /** The same lists, ordered by due time. */
  timerListQueue: { peek(): TimerList | undefined; shift(): TimerList | undefined }
  /** Immediates that have not run yet. */
  immediateQueue: ImmediateQueue
}

const NAMES = ['timerListMap', 'timerListQueue', 'immediateQueue']

const FILE = 'lib/internal/timers.js'

let internals: Internals | undefined

/**
Finds the lists of timers and immediates. No API exposes them, except the inspector of this process.

@throws {QcloneError} `ERR_QCLONE_UNSUPPORTED` if they cannot be found, as in a Node built without the inspector.
*/
export function findTimerLists(): void {
  if (internals) return
  let found: Internals
  try {
    found = readScope(methodOfTimers(), NAMES) as unknown as Internals
  } catch (cause) {
    const message = `${whyHidden(cause)}; the parent's timers would run in a clone: use \`spawn\`, which does not need them`
    throw new QcloneError('ERR_QCLONE_UNSUPPORTED', message, { cause })
  }
  verify(found)
  internals = found
}

/** Returns a function of `lib/timers.js`, even if others have replaced `setTimeout`. */
function methodOfTimers(): () => void {
  const timer = setTimeout(() => {}, 1) as NodeJS.Timeout & { close: () => void }
  clearTimeout(timer)
  return timer.close
}

function whyHidden(cause: unknown): string {
  const { code } = cause as { code?: unknown }
  if (code === 'ERR_ACCESS_DENIED') {
    const cure = process.allowedNodeEnvironmentFlags.has('--allow-inspector')
      ? ' without `--allow-inspector`'
      : ''
    return `the permission model${cure} denies the inspector, which is needed to find Node's timers`
  }
  if (code === 'ERR_UNKNOWN_BUILTIN_MODULE') {
    return 'this Node is built without the inspector, which is needed to find its timers'
  }
  return `the timers of Node ${process.version} cannot be found (${FILE}: ${(cause as Error).message})`
}

/** Duration in milliseconds that no other timer is likely to have. */
const UNUSUAL_MS = 86_399_983

function verify({ timerListMap, timerListQueue, immediateQueue }: Internals): void {
  const act = () => {}
  const timeouts = [setTimeout(act, UNUSUAL_MS), setTimeout(act, UNUSUAL_MS)]
  const [timer, other] = timeouts as unknown[] as [Timer, Timer]
  try {
    const list = timerListMap[UNUSUAL_MS] as TimerList
    expectFact('timerListMap', FILE, () => isObject(list))
    expectFact('timer._idleNext', FILE, () => [timer, other].every((one) => timersIn(list).includes(one)))
    expectFact('timer._onTimeout', FILE, () => timer._onTimeout === act)
    expectFact('timerListQueue.peek', FILE, () => isObject(timerListQueue.peek()))
    expectFact('timerListQueue.shift', FILE, () => typeof timerListQueue.shift === 'function')
    expectFact('timer._destroyed', FILE, () => timer._destroyed === false)
  } finally {
    for (const timeout of timeouts) clearTimeout(timeout)
  }
  expectFact('timer._destroyed', FILE, () => timer._destroyed)
  const immediates = [setImmediate(act), setImmediate(act)]
  const [first, second] = immediates as unknown as [Linked, Linked]
  try {
    expectFact('immediate._idleNext', FILE, () => first._idleNext === second)
    expectFact('immediate._idlePrev', FILE, () => second._idlePrev === first)
    expectFact('immediateQueue.head', FILE, () => chainFrom(immediateQueue.head).includes(second))
    expectFact('immediateQueue.remove', FILE, () => typeof immediateQueue.remove === 'function')
  } finally {
    for (const immediate of immediates) clearImmediate(immediate)
  }
}

/** Returns the timers with this duration in milliseconds. */
export function timersOf(duration: number): NodeJS.Timeout[] {
  const list = found().timerListMap[duration]
  return list ? (timersIn(list) as unknown[] as NodeJS.Timeout[]) : []
}

/** Returns the value that a timer calls when it fires. */
export function callbackOf(timer: NodeJS.Timeout): unknown {
  return (timer as unknown as Timer)._onTimeout
}

/** Removes all lists from Node, which then has no timer, and returns them with their timers still linked. */
export function takeTimerLists(): TimerList[] {
  const { timerListMap, timerListQueue } = found()
  const lists = Object.values(timerListMap)
  for (const duration of Object.keys(timerListMap)) delete timerListMap[duration]
  while (timerListQueue.peek()) timerListQueue.shift()
  return lists
}

/** Returns whether there is any timer, referenced or not. */
export function hasTimers(): boolean {
  return Object.keys(found().timerListMap).length > 0
}

/** Returns the timers of a list. */
export function timersIn(list: TimerList): Timer[] {
  const timers: Timer[] = []
  for (let timer = list._idleNext; timer && timer !== list; timer = timer._idleNext)
    timers.push(timer as Timer)
  return timers
}

/** Marks a timer as one that has fired for the last time. */
export function markFired(timer: Timer): void {
  timer._destroyed = true
}

/** Returns the immediates behind the running immediate `current`, and those queued since. */
export function immediatesBehind(current: NodeJS.Immediate): NodeJS.Immediate[] {
  const behind = (current as unknown as Linked)._idleNext
  const immediates = [...chainFrom(behind), ...chainFrom(found().immediateQueue.head)]
  return immediates as unknown[] as NodeJS.Immediate[]
}

/** Moves a queued immediate in front of all others. */
export function moveToHead(immediate: NodeJS.Immediate): void {
  const { immediateQueue } = found()
  const own = immediate as unknown as Linked
  if (immediateQueue.head === own) return
  immediateQueue.remove(own)
  own._idleNext = immediateQueue.head
  if (immediateQueue.head) immediateQueue.head._idlePrev = own
  immediateQueue.head = own
}

/** Returns the functions of Node that a clone calls to drop its parent's timers. */
export function methodsOfTimerLists(): Callable[] {
  const { immediateQueue, timerListQueue } = found()
  return [immediateQueue.remove, timerListQueue.peek, timerListQueue.shift]
}

function chainFrom(first: Linked | null): Linked[] {
  const chain: Linked[] = []
  for (let item = first; item; item = item._idleNext) chain.push(item)
  return chain
}

function found(): Internals {
  if (!internals) throw new Error('findTimerLists has not been called')
  return internals
}

/** Functions of this file that clones call. */
export const CALLED_IN_CLONES: readonly Callable[] = [
  takeTimerLists,
  timersIn,
  markFired,
  immediatesBehind,
  chainFrom,
  found,
]
