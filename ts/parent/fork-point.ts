import { AsyncResource } from 'node:async_hooks'
import { leaveByError } from '../in-clone/exit.js'
import { hold } from '../in-clone/hold.js'
import { onBecomingClone } from '../in-clone/hooks.js'
import { calledInClones, compileAhead } from '../in-clone/precompile.js'
import { enterClone, type Ghosts } from '../in-clone/setup.js'
import { inTask } from '../in-clone/task-name.js'
import { forkForSynchronousWasm } from '../in-clone/v8-flags.js'
import { native } from '../native.js'
import { setImmediate, setTimeout, uptimeMs } from '../node-internals/clock.js'
import { process } from '../node-internals/process.js'
import { moveToHead } from '../node-internals/timers.js'
import { sign } from '../observe/diagnostics.js'
import { handlers } from '../observe/handlers.js'
import type { CloneOptions, DetachableOptions } from '../options/clone-options.js'
import { descriptorsOf } from '../options/keepable.js'
import { settings } from '../options/settings.js'
import type { Callable } from '../types/callable.js'
import { type Clone, type CloneKind, isServing } from '../types/clone.js'
import { fromFailure, QcloneError, typed } from '../types/errors.js'
import type { Places } from './admission.js'
import { adopt, noteFewerClones } from './clone-table.js'
import { readyToFork } from './readiness.js'
import { scavengeAlone } from './scavenges.js'
import { boundsOf } from './scheduling.js'
import type { Stdio } from './stdio.js'

export type { ForkTimings } from '../native.js'

let inClone = false

/**
Returns whether this process is a clone.

@example
```ts
import { isClone, run } from 'node-qclone'

console.log(isClone(), await run(isClone)) // false true
```
*/
export function isClone(): boolean {
  return inClone
}

/** Result of a fork: the clone in the parent, `undefined` in the clone. */
type Forked = Clone | undefined

/** Reason a fork was refused. */
interface Refusal {
  refusal: QcloneError
  /** Whether a fork may become possible without any action. */
  transient: boolean
  /** Whether a fork may become possible by the next turn. */
  soon?: boolean
}

/** Purpose of a fork. */
export interface Purpose {
  /** Places, one of which the clone takes. */
  places: Places
  kind: CloneKind
  name: string
  options: DetachableOptions
  stdio: Stdio
  /** Descriptors of this library that the clone keeps. */
  ends?: readonly number[]
  /** Functions that the clone calls first, compiled in the parent. */
  calls: readonly Callable[]
}

/**
Forks now. Blocks the parent until its threads are idle, for at most `spawnTimeout`. The clone's event loop must not
continue: anything queued in this turn belongs to the parent.

@throws {QcloneError} if no fork is possible; `handlers.forkFailed` has been called.
*/
export function forkNow(purpose: Purpose): Forked {
  const forked = attempt(purpose, { waitMs: settings().spawnTimeout })
  if (!isRefusal(forked)) return forked
  throw refused(forked.refusal, purpose)
}

/** Callbacks of {@link forkAtTurnEnd}. */
export interface AtTurnEnd {
  /** Called in both processes, right after the fork. */
  begin: (forked: Forked) => void
  /** Called in the parent if no fork is possible; `handlers.forkFailed` has been called. */
  refuse: (error: QcloneError) => void
  /** Called right before a fork. If the fork is no longer wanted, returns the reason, which is passed to `refuse`. */
  whyOff: () => QcloneError | undefined
}

/**
Forks at the start of a turn, when no other callback, tick or promise job is pending, as soon as the threads are idle.
The parent keeps running until then.
*/
export function forkAtTurnEnd(purpose: Purpose, { begin, refuse, whyOff }: AtTurnEnd): void {
  const begun = uptimeMs()
  const deadline = begun + settings().forkTimeout
  let interval = FIRST_INTERVAL_MS
  let turns = 0
  const tryAtTurn: Waiting['act'] = (behind, isNested) => {
    const off = whyOff()
    if (off) return refuse(off)
    const triedAt = uptimeMs()
    const isOver = triedAt >= deadline
    const tellsAll = turns < TURNS_TO_TELL && !isOver
    const poolWaitMs = Math.max(POOL_WAIT_MS, (triedAt - begun) * POOL_WAIT_SHARE)
    const how = { waitMs: 0, poolWaitMs, tellsAll, ghosts: { behind } }
    const forked = isNested ? nested() : attempt(purpose, how)
    if (!isRefusal(forked)) {
      // The callbacks reference everything the caller still uses in the parent.
      if (!forked) hold([begin, refuse])
      return begin(forked)
    }
    if (!forked.transient || isOver) return refuse(refused(forked.refusal, purpose))
    // No other timer fires within a timer's callback, so a `setTimeout` would never fire.
    if (isNested) return inTurn(tryAtTurn, false)
    if (forked.soon && turns++ < TURNS_TO_TELL) return inTurn(tryAtTurn, true)
    // Whether V8 is idle can only be polled.
    const restMs = (uptimeMs() - triedAt - POOL_WAIT_MS) * REST_AFTER_WAIT
    setTimeout(() => inTurn(tryAtTurn, true), Math.max(interval, restMs))
    interval = Math.min(interval * 2, LAST_INTERVAL_MS)
  }
  inTurn(tryAtTurn, false)
}

/** Caller that waits for its turn to fork. */
interface Waiting {
  /** Tries to fork. `isNested` is whether a user function runs the event loop of this turn and waits for it. */
  act: (immediate: NodeJS.Immediate, isNested: boolean) => void
  /** Whether to run before the parent's own immediates, which may keep V8 or the pool busy in each turn. */
  first: boolean
  /** Async context of the caller. The clone inherits it, not the context of an earlier caller in the line. */
  context: AsyncResource
}

/** Callers in order. Each forks in its own turn, so that the parent handles its incoming events between two forks. */
const line: Waiting[] = []

onBecomingClone('pending forks', () => {
  inClone = true
  // Only if needed: emptying the array makes the clone fault in many pages.
  if (line.length > 0) hold(line.splice(0))
})

/** Calls `act` at the start of a turn, with the immediate whose callback it runs in. */
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

/** Options of an attempt to fork. */
interface Attempt {
  /** Maximum time in milliseconds to block the parent until its threads are idle. */
  waitMs: number
  /** The same for libuv's thread pool, if the pool is busy. */
  poolWaitMs?: number
  /** Whether to refuse while the event loop has yet to report finished work of the thread pool. */
  tellsAll?: boolean
  /** Given if the clone's event loop continues. */
  ghosts?: Ghosts
}

/** Makes one attempt. Returns the fork, or the reason there was none. */
function attempt(purpose: Purpose, how: Attempt): Forked | Refusal {
  let forked: Forked | Refusal
  try {
    forked = tryToFork(purpose, how)
  } catch (error) {
    forked = { refusal: typed(error), transient: false }
  }
  if (isRefusal(forked)) noteFewerClones()
  return forked
}

function tryToFork(
  { places, kind, name, options, stdio, ends = [], calls }: Purpose,
  { waitMs, poolWaitMs = POOL_WAIT_MS, tellsAll = false, ghosts }: Attempt,
): Forked | Refusal {
  const { keep = [], detached = false } = options
  const kept = descriptorsOf(keep)
  if ('refusal' in kept) return kept
  const seen = readyToFork(ghosts !== undefined)
  compileAhead([...calls, ...handlers.inClone.shims])
  const facts = new (native().CloneFacts)()
  scavengeAlone()
  const outcome = forkForSynchronousWasm(() =>
    native().fork(
      {
        keep: [...kept.descriptors, ...ends],
        waitMs,
        poolWaitMs,
        stdio: stdio.forClone,
        detached,
        loopGoesOn: ghosts !== undefined,
        tellsAll,
        vouchFor: settings().vouchFor as string[],
        title: titleOf(kind, options),
        ...boundsOf(kind, options),
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
    if (child) return adopt(child, { places, kind, name, streams: stdio.streams })
    throw new Error('the native fork returned neither a clone nor an error')
  }
  try {
    enterClone(facts, seen, ghosts)
  } catch (error) {
    // The callers of this function are the parent's code, which must not see the error.
    leaveByError(error)
  }
  handlers.inClone.call(kind)
  return undefined
}

/** Refuses a fork within a nested event loop: the clone would return into the function that runs the loop. */
function nested(): Refusal {
  const message =
    'a function runs the event loop itself, as `deasync` does, and did not return in time; a clone would return into that function: clone before or after the call'
  return { refusal: new QcloneError('ERR_QCLONE_UNSUPPORTED', message), transient: true }
}

/** Returns the title of a clone. */
function titleOf(kind: CloneKind, { title, name }: CloneOptions): string {
  return title ?? `${process.title} (clone: ${name ? `${kind} ${name}` : kind})`
}

function isRefusal(forked: Forked | Refusal): forked is Refusal {
  return forked !== undefined && 'refusal' in forked
}

/** Reports a fork error to channels and handlers, and returns it. */
export function refused(error: QcloneError, { kind, name }: Pick<Purpose, 'kind' | 'name'>): QcloneError {
  if (!isServing(kind)) inTask(error, { kind, name })
  sign('qclone:refused', { kind, name, error })
  handlers.forkFailed.call(error, kind)
  return error
}

/**
Maximum time in milliseconds the first attempt blocks for libuv's thread pool. If the parent reads files all the time,
the pool is busy in every turn and no later turn is better. Without new work, the pool is soon idle.
*/
const POOL_WAIT_MS = 2

/** Later attempts block for up to this share of the fork's waiting time: a pool on a busy machine takes longer. */
const POOL_WAIT_SHARE = 1 / 50

/** Minimum pause between two attempts, as a multiple of the time the first blocked beyond {@link POOL_WAIT_MS}. */
const REST_AFTER_WAIT = 9

/**
Maximum number of turns a fork waits for finished pool work to be reported, and for V8's tasks. Reading a small file
takes five; a parent that starts new work in each callback never runs out of work.
*/
const TURNS_TO_TELL = 32

const FIRST_INTERVAL_MS = 1
const LAST_INTERVAL_MS = 16

calledInClones(isRefusal)
