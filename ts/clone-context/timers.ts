import { clearImmediate, clearTimeout, setTimeout } from '../clock.js'
import { QcloneError } from '../errors.js'
import { process } from '../node.js'
import { type Callable, calledInClones } from './ahead.js'
import { findCaptures } from './captures.js'
import { readScope } from './scope.js'

/** A timer or immediate, as node links them. */
interface Linked {
  _idleNext: Linked | null
}

/** Node's lists of timers, by duration: rings that the list itself is part of. */
type TimerLists = Record<string, Linked>

interface ImmediateQueue {
  head: Linked | null
  remove: Callable
}

interface Internals {
  timerListMap: TimerLists
  immediateQueue: ImmediateQueue
}

let internals: Internals | undefined

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
    internals = readScope(methodOfTimers(), ['timerListMap', 'immediateQueue']) as unknown as Internals
    calledInClones(internals.immediateQueue.remove)
  } catch (cause) {
    const message = `${whyHidden(cause)}, so that the parent's would run in a clone: only \`spawn\` works`
    throw new QcloneError('ERR_QCLONE_UNSUPPORTED', message, { cause })
  }
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
  if (code === 'ERR_UNKNOWN_BUILTIN_MODULE')
    return 'this node is built without the inspector, which alone shows its timers'
  return `this node does not show its timers (${(cause as Error).message})`
}

/**
Clears the parent's timers.

Node's own stay: the one that resets the cached HTTP date and the clock of undici run no code of the parent's,
and their modules would wait for them in vain.
*/
export function dropTimers(): void {
  const { timerListMap } = found()
  for (const linked of Object.values(timerListMap).flatMap(ringOf)) {
    const timer = linked as unknown as NodeJS.Timeout
    if (isOfNode(timer)) continue
    // It passes over a timer without function, which then keeps its count of references.
    Object.assign(timer, { _onTimeout: nothing })
    clearTimeout(timer)
  }
}

/** Clears the parent's immediates: those queued, and those behind `current`, which is running. */
export function dropImmediates(current: NodeJS.Immediate): void {
  const { immediateQueue } = found()
  const behind = (current as unknown as Linked)._idleNext
  for (const immediate of [...chainFrom(behind), ...chainFrom(immediateQueue.head)]) {
    clearImmediate(immediate as unknown as NodeJS.Immediate)
  }
}

/** Whether there is any timer, with a reference or without. */
export function hasTimers(): boolean {
  return Object.keys(found().timerListMap).length > 0
}

function nothing(): void {}

function isOfNode(timer: NodeJS.Timeout): boolean {
  // A timer of `timers.enroll` is any object, and libraries take the function from one.
  const { _onTimeout: f, hasRef } = timer as { _onTimeout?: Callable | null; hasRef?: () => boolean }
  return f != null && hasRef?.call(timer) === false && OF_NODE.includes(f.name)
}

/** Functions of node's timers, in lib/internal/http.js and in undici's lib/util/timers.js. */
const OF_NODE = ['resetCache', 'onTick']

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

calledInClones(clearTimeout, clearImmediate, dropTimers, dropImmediates, ringOf, chainFrom, isOfNode, found)
