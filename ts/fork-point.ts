import { AsyncResource } from 'node:async_hooks'
import { adopt, type Clone, type EventType, isServing } from './children.js'
import { setImmediate, setTimeout, uptimeMs } from './clock.js'
import { type Callable, calledInClones, compileAhead } from './clone-context/ahead.js'
import { forkForSynchronousWasm } from './clone-context/compile.js'
import { disown, enterClone, type Ghosts, survey } from './clone-context/enter.js'
import { hold } from './clone-context/hold.js'
import { leaveByError, prepareLeaving } from './clone-context/leave.js'
import { prepareRandomness } from './clone-context/randomness.js'
import { moveToHead } from './clone-context/timers.js'
import { onEnteringClone } from './copies.js'
import { fromFailure, QcloneError, typed } from './errors.js'
import { handlers } from './handlers.js'
import { shortOfMemory } from './headroom.js'
import { descriptorsOf } from './keep.js'
import { native } from './native.js'
import { process } from './node.js'
import type { CloneOptions, DetachableOptions } from './options.js'
import { boundsOf } from './rank.js'
import { settings } from './settings.js'
import { sign } from './signs.js'
import type { Stdio } from './stdio.js'
import { inTask } from './task-name.js'

export type { ForkTimings } from './native.js'

let inClone = false

/** Whether this process is a clone. */
export function isClone(): boolean {
  return inClone
}

/** What a fork gives the parent; the clone gets undefined. */
type Forked = Clone | undefined

/** Why there was no fork. */
interface Refusal {
  refusal: QcloneError
  /** Whether there may be one later with nothing done about it. */
  transient: boolean
  /** Whether the next turn may be enough for that. */
  soon?: boolean
}

/** What a fork is for. */
export interface Purpose {
  event: EventType
  name: string
  options: DetachableOptions
  stdio: Stdio
  /** Descriptors of our own that the clone keeps. */
  ends?: readonly number[]
  /** Functions that the clone calls first. */
  calls: readonly Callable[]
}

/**
Forks now, standing still until the threads are at rest or the bound is reached. The clone's event loop must
not go on: whatever is queued in this turn is its parent's.

@throws {QcloneError} when there can be no fork; `handlers.forkFailed` has been told.
*/
export function forkNow(purpose: Purpose): Forked {
  const forked = attempt(purpose, { waitMs: settings().spawnWait })
  if (!isRefusal(forked)) return forked
  throw refused(forked.refusal, purpose)
}

/** What is done at the end of a turn. */
export interface AtTurnEnd {
  /** Called in either process, right after the fork. */
  begin: (forked: Forked) => void
  /** Called in the parent when there can be no fork; `handlers.forkFailed` has been told. */
  refuse: (error: QcloneError) => void
  /** Asked right before a fork: why it is no longer wanted, if it is not. Then `refuse` is called with that. */
  whyOff: () => QcloneError | undefined
}

/**
Forks at the start of a turn, when no callback, tick or promise job of another is pending, as soon as the
threads are at rest. The parent goes on meanwhile.
*/
export function forkAtTurnEnd(purpose: Purpose, { begin, refuse, whyOff }: AtTurnEnd): void {
  const deadline = uptimeMs() + settings().runWait
  let interval = FIRST_INTERVAL_MS
  let turns = 0
  const tryAtTurn: Waiting['act'] = (behind, isNested) => {
    const off = whyOff()
    if (off) return refuse(off)
    const isOver = uptimeMs() >= deadline
    const tellsAll = turns < TURNS_TO_TELL && !isOver
    const forked = isNested ? nested() : attempt(purpose, { waitMs: 0, tellsAll, ghosts: { behind } })
    if (!isRefusal(forked)) {
      // All that the caller goes on with in the parent hangs on these.
      if (!forked) hold([begin, refuse])
      return begin(forked)
    }
    if (!forked.transient || isOver) return refuse(refused(forked.refusal, purpose))
    // In a turn within a timer's callback no other timer fires.
    if (isNested) return inTurn(tryAtTurn, false)
    if (forked.soon && turns++ < TURNS_TO_TELL) return inTurn(tryAtTurn, true)
    // Whether V8 is at rest can only be asked, never waited for.
    setTimeout(() => inTurn(tryAtTurn, true), interval)
    interval = Math.min(interval * 2, LAST_INTERVAL_MS)
  }
  inTurn(tryAtTurn, false)
}

/** Who wants to fork. */
interface Waiting {
  /** `isNested`: whether the turn is of an event loop that a function of the user's runs, and waits for. */
  act: (immediate: NodeJS.Immediate, isNested: boolean) => void
  /** Whether the parent's own immediates come after it, which may keep V8 or the pool at work in each turn. */
  first: boolean
  /** The clone is to see the async context of its caller, not of whoever was before in the line. */
  context: AsyncResource
}

/** Each forks in a turn of its own: the parent takes what has come for it between two forks. */
const line: Waiting[] = []

onEnteringClone(becomeClone)

function becomeClone(): void {
  inClone = true
  // To set it touches much that a clone would have to fault in.
  if (line.length > 0) hold(line.splice(0))
  disown()
}

/** Calls `act` at the start of a turn, with the immediate in whose callback it is. */
function inTurn(act: Waiting['act'], first: boolean): void {
  line.push({ act, first, context: new AsyncResource('qclone.fork') })
  if (line.length === 1) nextInTurn()
}

function nextInTurn(): void {
  const immediate: NodeJS.Immediate = setImmediate(() => {
    const isNested = native().isCalledByNode() === false
    const next = line.shift()
    if (line.length > 0) nextInTurn()
    next?.context.runInAsyncScope(next.act, undefined, immediate, isNested)
  })
  if (!line[0]?.first) return
  moveToHead(immediate)
  native().runTasksBeforeImmediates()
}

/** Where a fork tells its clone what there is to know of it. */
const facts = new Int32Array(4)

/** How an attempt is made. */
interface Attempt {
  waitMs: number
  /** Whether a fork would be too early that the loop has not told of the pool's work before. */
  tellsAll?: boolean
  /** Given when the clone's event loop goes on. */
  ghosts?: Ghosts
}

/** One attempt: the fork, or why there was none. */
function attempt(purpose: Purpose, how: Attempt): Forked | Refusal {
  try {
    return tryToFork(purpose, how)
  } catch (error) {
    return { refusal: typed(error), transient: false }
  }
}

function tryToFork(
  { event, name, options, stdio, ends = [], calls }: Purpose,
  { waitMs, tellsAll = false, ghosts }: Attempt,
): Forked | Refusal {
  const { keep = [], detached = false } = options
  const kept = descriptorsOf(keep)
  if ('refusal' in kept) return kept
  const binding = native()
  const short = shortOfMemory()
  if (short) return { refusal: short, transient: false }
  prepareRandomness()
  prepareLeaving()
  const seen = survey(ghosts !== undefined)
  compileAhead([...calls, ...handlers.inClone.shims])
  const outcome = forkForSynchronousWasm(() =>
    binding.fork(
      {
        keep: [...kept.descriptors, ...ends],
        waitMs,
        poolWaitMs: POOL_WAIT_MS,
        stdio: stdio.forClone,
        detached,
        loopGoesOn: ghosts !== undefined,
        tellsAll,
        vouchFor: settings().vouchFor as string[],
        title: titleOf(event, options),
        ...boundsOf(event, options),
      },
      facts,
    ),
  )
  if (outcome) {
    const { child, failure } = outcome
    if (failure) {
      const { transient, soon } = failure
      return { refusal: fromFailure(failure), transient, soon }
    }
    if (child) return adopt(child, { event, name, streams: stdio.streams })
    throw new Error('the fork has told its parent nothing')
  }
  try {
    enterClone(facts, seen, ghosts)
  } catch (error) {
    // Above this are the parent's frames, which must not see it.
    leaveByError(error)
  }
  handlers.inClone.call(event)
  return undefined
}

/** A clone would go on with the frames that wait for the event loop. */
function nested(): Refusal {
  const message =
    'the event loop is run by a function that waits for it, as those of `deasync` do, and a clone would return into that: it has not returned in time'
  return { refusal: new QcloneError('ERR_QCLONE_UNSUPPORTED', message), transient: true }
}

/** What `ps` is to show of a clone. */
function titleOf(event: EventType, { title, name }: CloneOptions): string {
  return title ?? `${process.title} (clone: ${name ? `${event} ${name}` : event})`
}

function isRefusal(forked: Forked | Refusal): forked is Refusal {
  return forked !== undefined && 'refusal' in forked
}

/** `error`, after all have been told of it. */
export function refused(error: QcloneError, { event, name }: Pick<Purpose, 'event' | 'name'>): QcloneError {
  if (!isServing(event)) inTask(error, { event, name })
  sign('qclone:refused', { event, name, error })
  handlers.forkFailed.call(error, event)
  return error
}

/**
For how long any fork may stand still for libuv's pool. A parent that reads files all the time has it at work in every
turn, and no later turn is better; without new work it is soon at rest.
*/
const POOL_WAIT_MS = 2

/**
For how many turns a fork stays away from work of the pool that is done and not told, and from V8's tasks. To read a small
file takes five; a parent that begins new work in each callback never comes to an end of it.
*/
const TURNS_TO_TELL = 32

const FIRST_INTERVAL_MS = 1
const LAST_INTERVAL_MS = 16

calledInClones(isRefusal, becomeClone)
