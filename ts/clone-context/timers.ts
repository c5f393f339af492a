import { clearImmediate, clearTimeout, setTimeout } from '../clock.js'
import { QcloneError } from '../errors.js'
import { process } from '../node.js'
import { calledInClones } from './ahead.js'
import { findCaptures } from './captures.js'
import { hold } from './hold.js'
import { readScope } from './scope.js'

/** A timer or immediate, as node links them. */
interface Linked {
  _idleNext: Linked | null
  _idlePrev: Linked | null
}

/** What makes a timer, also one of `timers.enroll`, which is any object. */
type Timer = Linked & { _destroyed: boolean }

/** Node's lists of timers, by duration: rings that the list itself is part of. */
type TimerLists = Record<string, Linked>

interface ImmediateQueue {
  head: Linked | null
  remove: (immediate: Linked) => void
}

interface Internals {
  timerListMap: TimerLists
  /** The same lists, by when they are due. */
  timerListQueue: { peek(): Linked | undefined; shift(): Linked | undefined }
  immediateQueue: ImmediateQueue
}

let internals: Internals | undefined

/** The methods of timers. They do for those of `timers.enroll`, too, which have none. */
type Methods = Pick<NodeJS.Timeout, 'hasRef' | 'ref' | 'unref'>

let methods: Methods | undefined

/**
Finds node's lists of timers and immediates, which no API gives: they are variables in the scope of
lib/timers.js, and the inspector of this very process can say what those hold. Done once, in the parent, before
the first fork that needs it.

@throws {QcloneError} `ERR_QCLONE_UNSUPPORTED` when they cannot be found, as in a node built without inspector.
*/
export function findTimers(): void {
  if (internals) return
  try {
    findCaptures()
    const names = ['timerListMap', 'timerListQueue', 'immediateQueue']
    internals = readScope(methodOfTimers(), names) as unknown as Internals
    const timer = setTimeout(() => {})
    clearTimeout(timer)
    methods = Object.getPrototypeOf(timer) as Methods
    const { timerListQueue, immediateQueue } = internals
    calledInClones(immediateQueue.remove, timerListQueue.peek, timerListQueue.shift)
    calledInClones(methods.hasRef, methods.ref, methods.unref)
  } catch (cause) {
    const message = `${whyHidden(cause)}, so that the parent's would run in a clone: only \`spawn\` works`
    throw new QcloneError('ERR_QCLONE_UNSUPPORTED', message, { cause })
  }
}

/** Node's timers of a duration in milliseconds. */
export function timersOf(duration: number): NodeJS.Timeout[] {
  const list = found().timerListMap[duration]
  return list ? (ringOf(list) as unknown as NodeJS.Timeout[]) : []
}

/** A function of lib/timers.js, even where others stand for `setTimeout`. */
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
    return `the permission model${cure} denies the inspector, which alone shows this node's timers`
  }
  if (code === 'ERR_UNKNOWN_BUILTIN_MODULE') {
    return 'this node is built without the inspector, which alone shows its timers'
  }
  return `this node does not show its timers (${(cause as Error).message})`
}

/**
Stops the parent's timers: each is as if it had fired, so that `refresh()` starts it again and clearing it does nothing.

They stay linked in their lists, which node no longer knows, and are kept with all that they hold.
*/
export function dropTimers(): void {
  const { timerListMap, timerListQueue } = found()
  for (const [duration, list] of Object.entries(timerListMap)) {
    for (const timer of ringOf(list)) stop(timer as Timer)
    delete timerListMap[duration]
    hold(list)
  }
  while (timerListQueue.peek()) timerListQueue.shift()
}

/** Leaves a timer in the state of one that has fired, where a reference does not count (lib/internal/timers.js). */
function stop(timer: Timer): void {
  const { hasRef, ref, unref } = methods as Methods
  const hadRef = hasRef.call(timer as never)
  if (hadRef) unref.call(timer as never)
  timer._destroyed = true
  if (hadRef) ref.call(timer as never)
}

/** Clears the parent's immediates: those queued, and those behind `current`, which is running. */
export function dropImmediates(current: NodeJS.Immediate): void {
  const { immediateQueue } = found()
  const behind = (current as unknown as Linked)._idleNext
  for (const immediate of [...chainFrom(behind), ...chainFrom(immediateQueue.head)]) {
    // A copy, as clearing takes away the function and its arguments.
    hold({ ...immediate })
    clearImmediate(immediate as unknown as NodeJS.Immediate)
  }
}

/**
Moves a queued immediate before all others, to where the event loop has just polled: what V8 wants done there is done, and
the thread pool's callbacks have been called.
*/
export function moveToHead(immediate: NodeJS.Immediate): void {
  const { immediateQueue } = found()
  const own = immediate as unknown as Linked
  if (immediateQueue.head === own) return
  immediateQueue.remove(own)
  own._idleNext = immediateQueue.head
  if (immediateQueue.head) immediateQueue.head._idlePrev = own
  immediateQueue.head = own
}

/** Whether there is any timer, with a reference or without. */
export function hasTimers(): boolean {
  return Object.keys(found().timerListMap).length > 0
}

function ringOf(list: Linked): Linked[] {
  const timers: Linked[] = []
  for (let timer = list._idleNext; timer && timer !== list; timer = timer._idleNext) timers.push(timer)
  return timers
}

function chainFrom(first: Linked | null): Linked[] {
  const chain: Linked[] = []
  for (let item = first; item; item = item._idleNext) chain.push(item)
  return chain
}

function found(): Internals {
  if (!internals) throw new Error('findTimers has not been called')
  return internals
}

calledInClones(clearImmediate, dropTimers, stop, dropImmediates, ringOf, chainFrom, found)
