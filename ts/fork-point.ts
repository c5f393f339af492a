import { adopt, type Clone, type EventType } from './children.js'
import { enterClone, type Ghosts } from './clone-context/enter.js'
import { leaveByError } from './clone-context/leave.js'
import { prepareRandomness } from './clone-context/randomness.js'
import { fromFailure, type QcloneError } from './errors.js'
import { handlers } from './handlers.js'
import { descriptorsOf } from './keep.js'
import { native } from './native.js'
import { type CloneOptions, type SpawnOptions, settings } from './options.js'

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
}

/**
Forks now, standing still until the threads are at rest or the bound is reached. The clone's event loop must
not go on: whatever is queued in this turn is its parent's.

@throws {QcloneError} when there can be no fork; `handlers.forkFailed` has been told.
*/
export function forkNow(event: EventType, options: SpawnOptions): Forked {
  const forked = attempt(event, options, { waitMs: settings().spawnWait })
  if (!isRefusal(forked)) return forked
  throw refused(forked.refusal, event)
}

/**
Forks at the start of a turn, when no callback, tick or promise job of another is pending, as soon as the
threads are at rest. The parent goes on meanwhile.

@param answerEnd a descriptor that the clone keeps.
@param begin called in either process, right after the fork.
@param refuse called in the parent when there can be no fork; `handlers.forkFailed` has been told.
*/
export function forkAtTurnEnd(
  event: EventType,
  options: CloneOptions,
  answerEnd: number,
  begin: (forked: Forked) => void,
  refuse: (error: QcloneError) => void,
): void {
  const deadline = performance.now() + settings().runWait
  let interval = FIRST_INTERVAL_MS
  const tryAtTurn = () => {
    const immediate: NodeJS.Immediate = setImmediate(() => {
      let forked: Forked | Refusal
      try {
        forked = attempt(event, options, { waitMs: 0, answerEnd, ghosts: { behind: immediate } })
      } catch (error) {
        return refuse(error as QcloneError)
      }
      if (!isRefusal(forked)) return begin(forked)
      if (!forked.transient || performance.now() >= deadline) return refuse(refused(forked.refusal, event))
      // Whether V8 is at rest can only be asked, never waited for.
      setTimeout(tryAtTurn, interval)
      interval = Math.min(interval * 2, LAST_INTERVAL_MS)
    })
  }
  tryAtTurn()
}

/** How an attempt is made. */
interface Attempt {
  waitMs: number
  answerEnd?: number
  /** Given when the clone's event loop goes on. */
  ghosts?: Ghosts
}

/** One attempt: the fork, or why there was none. */
function attempt(
  event: EventType,
  { keep = [], stdin, title, detached = false }: SpawnOptions,
  { waitMs, answerEnd, ghosts }: Attempt,
): Forked | Refusal {
  const kept = descriptorsOf(keep)
  if ('refusal' in kept) return kept
  const binding = loaded()
  if ('refusal' in binding) return binding
  prepareRandomness()
  const outcome = binding.fork({
    keep: answerEnd === undefined ? kept.descriptors : [...kept.descriptors, answerEnd],
    waitMs,
    poolWaitMs: POOL_WAIT_MS,
    inheritStdin: stdin === 'inherit',
    detached,
  })
  const { failure } = outcome
  if (failure) return { refusal: fromFailure(failure), transient: failure.transient }
  if (outcome.child) return adopt(outcome.child, event)
  inClone = true
  try {
    const { hasWorker, streams } = outcome
    enterClone(event, { ghosts, title, hasWorker, streams })
  } catch (error) {
    // Above this are the parent's frames, which must not see it.
    leaveByError(error)
  }
  return undefined
}

function loaded(): ReturnType<typeof native> | Refusal {
  try {
    return native()
  } catch (error) {
    return { refusal: error as QcloneError, transient: false }
  }
}

function isRefusal(forked: Forked | Refusal): forked is Refusal {
  return forked !== undefined && 'refusal' in forked
}

/** `error`, after `handlers.forkFailed` has been told of it. */
export function refused(error: QcloneError, event: EventType): QcloneError {
  handlers.forkFailed.call(error, event)
  return error
}

/**
For how long any fork may stand still for libuv's pool. A parent that reads files all the time has it at work in every
turn, and no later turn is better; without new work it is soon at rest.
*/
const POOL_WAIT_MS = 2

const FIRST_INTERVAL_MS = 1
const LAST_INTERVAL_MS = 16
