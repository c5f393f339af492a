import { QcloneError } from '../errors.js'
import { calledInClones } from './ahead.js'
import { readScope } from './scope.js'

/** A timer or immediate, as node links them. */
interface Linked {
  _idleNext: Linked | null
  _idlePrev: Linked | null
}

/** Node's lists of timers, by duration: rings that the list itself is part of. */
type TimerLists = Record<string, Linked>

interface ImmediateQueue {
  head: Linked | null
  remove: (immediate: Linked) => void
}

interface Internals {
  timerListMap: TimerLists
  immediateQueue: ImmediateQueue
}

let internals: Internals | undefined

/**
Finds node's lists of timers and immediates, which no API gives: they are variables in the scope of
`setTimeout`, and the inspector of this very process can say what those hold. Done once, in the parent, before
the first fork that needs it.

@throws {QcloneError} `ERR_QCLONE_UNSUPPORTED` when they cannot be found, as in a node built without inspector.
*/
export function findTimers(): void {
  if (internals) return
  try {
    internals = readScope(setTimeout, ['timerListMap', 'immediateQueue']) as unknown as Internals
    calledInClones(internals.immediateQueue.remove)
  } catch (cause) {
    const message =
      "this node does not show its timers (is it built without the inspector?), so that the parent's would run in a clone: only `spawn` works"
    throw new QcloneError('ERR_QCLONE_UNSUPPORTED', message, { cause })
  }
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
    if (!isOfNode(timer)) clearTimeout(timer)
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

function isOfNode(timer: NodeJS.Timeout): boolean {
  const { name } = timer._onTimeout
  return !timer.hasRef() && OF_NODE.includes(name)
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
