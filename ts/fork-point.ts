import { adopt, type Clone, type EventType } from './children.js'
import { enterClone, type Ghosts } from './clone-context/enter.js'
import { leaveByError } from './clone-context/leave.js'
import { fromFailure, type QcloneError } from './errors.js'
import { handlers } from './handlers.js'
import { type ForkFailure, native } from './native.js'
import { settings } from './options.js'

export type { ForkTimings } from './native.js'

let inClone = false

/** Whether this process is a clone. */
export function isClone(): boolean {
  return inClone
}

/** What a fork gives the parent; the clone gets undefined. */
type Forked = Clone | undefined

/**
Forks now, standing still until the threads are at rest or the bound is reached. The clone's event loop must
not go on: whatever is queued in this turn is its parent's.

@throws {QcloneError} when there can be no fork; `handlers.forkFailed` has been told.
*/
export function forkNow(event: EventType): Forked {
  const failure = attempt(event, { keep: [], waitMs: settings().spawnWait, ghosts: undefined })
  if (!isFailure(failure)) return failure
  throw refused(failure, event)
}

/**
Forks at the start of a turn, when no callback, tick or promise job of another is pending, as soon as the
threads are at rest. The parent goes on meanwhile.

@param keep descriptors that the clone keeps.
@param begin called in either process, right after the fork.
@param refuse called in the parent when there can be no fork; `handlers.forkFailed` has been told.
*/
export function forkAtTurnEnd(
  event: EventType,
  keep: number[],
  begin: (forked: Forked) => void,
  refuse: (error: QcloneError) => void,
): void {
  const deadline = performance.now() + settings().runWait
  let interval = FIRST_INTERVAL_MS
  const tryAtTurn = () => {
    const immediate: NodeJS.Immediate = setImmediate(() => {
      let forked: Forked | ForkFailure
      try {
        forked = attempt(event, { keep, waitMs: 0, ghosts: { behind: immediate } })
      } catch (error) {
        return refuse(error as QcloneError)
      }
      if (!isFailure(forked)) return begin(forked)
      if (!forked.transient || performance.now() >= deadline) return refuse(refused(forked, event))
      // Whether V8 is at rest can only be asked, never waited for.
      setTimeout(tryAtTurn, interval)
      interval = Math.min(interval * 2, LAST_INTERVAL_MS)
    })
  }
  tryAtTurn()
}

/** One attempt: the fork, or why there was none. */
function attempt(
  event: EventType,
  { keep, waitMs, ghosts }: { keep: number[]; waitMs: number; ghosts: Ghosts | undefined },
): Forked | ForkFailure {
  const outcome = native().fork({ keep, waitMs, inheritStdin: false, loopGoesOn: ghosts !== undefined })
  if (outcome.failure) return outcome.failure
  if (outcome.child) return adopt(outcome.child, event)
  inClone = true
  try {
    enterClone(event, { ghosts, hasWorker: outcome.hasWorker })
  } catch (error) {
    // Above this are the parent's frames, which must not see it.
    leaveByError(error)
  }
  return undefined
}

function isFailure(forked: Forked | ForkFailure): forked is ForkFailure {
  return forked !== undefined && 'kind' in forked
}

/** The error of a fork that was not made, after `handlers.forkFailed` has been told. */
export function refused(failure: ForkFailure, event: EventType): QcloneError {
  const error = fromFailure(failure)
  handlers.forkFailed.call(error, event)
  return error
}

const FIRST_INTERVAL_MS = 1
const LAST_INTERVAL_MS = 16
