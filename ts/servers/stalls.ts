import type { Socket } from 'node:net'
import { lendPlace } from '../admission.js'
import { type NativeProgress, native } from '../native.js'
import { settings } from '../settings.js'
import { descriptorOf } from './connection.js'

/** A connection that a clone serves. */
interface Served {
  readonly socket: Socket
  /** Whether the clone may be waiting for more of a request's body. */
  readonly awaitsBody: boolean
  /** Milliseconds for which the client may take next to nothing. */
  readonly timeout: number
  /** Ends the clone and the connection. */
  readonly giveUp: (reason: string) => void
  /** Bytes that the client had taken and sent when it was last seen to move. */
  moved: number
  /** When that was. */
  since: number
  /** Takes the clone's place back, while it is lent. */
  reclaim: (() => void) | undefined
}

/** Milliseconds between two looks. All connections that clones serve are looked at: some two microseconds each. */
const INTERVAL_MS = 100
/** Milliseconds after which a clone that waits for its client lends its place. */
const LEND_AFTER_MS = 200
/** A client that takes or sends less has not moved. Otherwise a byte now and then would do to be waited for. */
const LEAST_BYTES = 4096

const served = new Set<Served>()
let timer: NodeJS.Timeout | undefined

/**
Watches a client that a clone serves, for as long as it does.

The kernel counts what the other side has taken, whichever process wrote it. A clone whose client takes nothing, or sends
nothing of its body, only waits: it lends its place to another clone, so that idle clients cannot keep all others out. A
client that takes nothing for too long is given up, and so is the one that has waited longest when more wait than
`maxStalledClones` allows.

@returns ends the watch.
*/
export function watchForStall(
  client: Pick<Served, 'awaitsBody' | 'giveUp' | 'socket' | 'timeout'>,
): () => void {
  const entry: Served = { ...client, moved: Number.NaN, since: performance.now(), reclaim: undefined }
  served.add(entry)
  timer ??= setInterval(look, INTERVAL_MS).unref()
  return () => {
    served.delete(entry)
    takeBack(entry)
    if (served.size > 0) return
    clearInterval(timer)
    timer = undefined
  }
}

/** In a clone: the clients of its parent's other clones are not its own. */
export function forgetStalls(): void {
  served.clear()
  timer = undefined
}

function look(): void {
  const now = performance.now()
  for (const entry of served) lookAt(entry, now)
  const lent = [...served].filter(({ reclaim }) => reclaim !== undefined)
  const tooMany = lent.length - settings().maxStalledClones
  if (tooMany <= 0) return
  for (const entry of lent.sort((one, other) => one.since - other.since).slice(0, tooMany)) {
    entry.giveUp('it had its clone wait longest, and more clones waited than `maxStalledClones` allows')
  }
}

function lookAt(entry: Served, now: number): void {
  const progress = native().progressOf(descriptorOf(entry.socket) ?? -1)
  // Closed: whoever closed it ends the clone.
  if (!progress) return
  const { unacknowledged, unread } = progress
  const waits = unacknowledged > 0 || (entry.awaitsBody && unread === 0)
  if (!waits || hasMoved(entry, progress)) {
    entry.moved = countOf(progress)
    entry.since = now
    takeBack(entry)
    return
  }
  const waited = now - entry.since
  if (unacknowledged > 0 && waited >= entry.timeout) {
    entry.giveUp(`it took less than ${LEAST_BYTES} bytes of its answer in ${entry.timeout} ms`)
  } else if (waited >= LEND_AFTER_MS) {
    entry.reclaim ??= lendPlace()
  }
}

function hasMoved(entry: Served, progress: NativeProgress): boolean {
  const moved = Math.abs(countOf(progress) - entry.moved)
  return !(moved < (progress.acknowledged === undefined ? 1 : LEAST_BYTES))
}

/** Unix sockets have no counts. What they hold changes when the other side takes some of it. */
function countOf({ unacknowledged, acknowledged, received = 0 }: NativeProgress): number {
  return acknowledged === undefined ? unacknowledged : acknowledged + received
}

function takeBack(entry: Served): void {
  entry.reclaim?.()
  entry.reclaim = undefined
}
