import { onAbort } from './abort.js'
import { hold } from './clone-context/hold.js'
import { QcloneError } from './errors.js'
import { onConfigured, settings } from './settings.js'

/** Clones that live, and those about to be made. */
let taken = 0

/** Who waits for a place, first come first served. */
const waiting = new Map<() => void, (error: QcloneError) => void>()

onConfigured(letIn)

/**
Takes a place for a clone to be made, which {@link leavePlace} gives back. In the order of calls.

@param signal whoever waits leaves the queue when it is aborted.
@returns whether the place was taken; false when the signal was aborted before it was.
@throws {QcloneError} `ERR_QCLONE_BUSY` when too many wait.
*/
export async function takePlace(
  signal: AbortSignal | undefined,
  queued: (waiting: number) => void,
): Promise<boolean> {
  if (waiting.size === 0 && hasRoom()) {
    taken++
    return true
  }
  if (waiting.size >= settings().maxQueue) throw busy()
  return new Promise((resolve, reject) => {
    const enter = () => {
      release?.()
      resolve(true)
    }
    const leave = () => {
      waiting.delete(enter)
      release?.()
      resolve(false)
    }
    const release = signal && onAbort(signal, leave)
    waiting.set(enter, (error) => {
      release?.()
      reject(error)
    })
    queued(waiting.size)
  })
}

/** Whether anybody waits for a place. */
export function someWait(): boolean {
  return waiting.size > 0
}

/**
Takes a place now.

@throws {QcloneError} `ERR_QCLONE_BUSY` when there is none, or others wait for one.
*/
export function takePlaceNow(): void {
  if (waiting.size > 0 || !hasRoom()) throw busy()
  taken++
}

/** Gives back the place of a clone that has ended, or was not made. */
export function leavePlace(): void {
  taken--
  letIn()
}

/**
Lends the place of a live clone to another, while it can do nothing but wait for its client.

@returns a function that takes the place back, before the clone ends at the latest. There may then be more clones for a
while than settings allow.
*/
export function lendPlace(): () => void {
  leavePlace()
  let isLent = true
  return () => {
    if (isLent) taken++
    isLent = false
  }
}

/** How often all have been turned away. */
let stops = 0

/** Turns away all who wait for a place, and, by {@link untilStopped}, those who have one and no clone yet. */
export function abortWaiting(): void {
  stops++
  const rejections = [...waiting.values()]
  waiting.clear()
  for (const reject of rejections) reject(turnedAway())
}

/** @returns what gives the error of a call made now once it is to be turned away. */
export function untilStopped(): () => QcloneError | undefined {
  const before = stops
  return () => (stops === before ? undefined : turnedAway())
}

function turnedAway(): QcloneError {
  return new QcloneError('ERR_QCLONE_ABORTED', 'the task was turned away by `stopAll` before its turn came')
}

/** In a clone: its parent's clones, and those who wait for one, are not its own. */
export function forgetPlaces(): void {
  taken = 0
  hold([...waiting])
  waiting.clear()
}

function hasRoom(): boolean {
  return taken < settings().maxClones
}

function letIn(): void {
  for (const enter of waiting.keys()) {
    if (!hasRoom()) return
    waiting.delete(enter)
    taken++
    enter()
  }
}

function busy(): QcloneError {
  const { maxClones, maxQueue } = settings()
  const message = `${taken} clones live, of at most ${maxClones}, and ${waiting.size} calls wait, of at most ${maxQueue}: call again when some have ended, or allow more by \`configure\``
  return new QcloneError('ERR_QCLONE_BUSY', message)
}
