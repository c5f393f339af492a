import type { Socket } from 'node:net'
import { lendPlace, someWait } from '../admission.js'
import { clearInterval, setInterval, uptimeMs } from '../clock.js'
import { type NativeProgress, native } from '../native.js'
import { settings } from '../settings.js'
import { descriptorOf } from './connection.js'

/** A client that a clone serves. */
interface Client {
  readonly socket: Socket
  /** Whether the clone may be waiting for more of a request's body. */
  readonly awaitsBody: boolean
  /** Milliseconds for which the client may take nothing. */
  readonly timeout: number
  /** Ends the clone and the connection. */
  readonly giveUp: (reason: string) => void
}

interface Watched extends Client {
  /** Since when the clone has been waiting for the client, at every look. */
  waitsSince: number
  /** At how many looks in a row the clone has not been waiting. */
  looksAtWork: number
  /** When the client last took or sent anything. */
  tookAt: number
  /** When it last took or sent more than next to nothing. */
  movedAt: number
  /** Bytes that it had taken and sent at the last look, and at `movedAt`. */
  count: number
  countAtMove: number
  /** Takes the clone's place back, while it is lent. */
  reclaim: (() => void) | undefined
}

/** Milliseconds between two looks at a client: some two microseconds each. */
const INTERVAL_MS = 25
/** Those whose clones have lent their places, who may be many, are looked at once in so many times. */
const LENT_EVERY = 4
/** Milliseconds after which a clone that waits for its client lends its place. */
const LEND_AFTER_MS = 200
/** The same while others wait for a place: a client far away may just not have got it yet. */
const LEND_AFTER_MS_IF_WANTED = 50
/** A client that moves less than this many bytes in so many milliseconds may be reset in favor of another. */
const LEAST_BYTES = 4096
const LEAST_BYTES_WITHIN_MS = 1000

/** At how many looks in a row a clone must not wait to get its place back: one may meet the byte that a client has sent. */
const LOOKS_TO_TAKE_BACK = 2

const watched = new Set<Watched>()
let timer: NodeJS.Timeout | undefined
let looks = 0

/**
Watches a client that a clone serves.

The kernel counts what the other side has taken, whichever process wrote it. A clone whose client has not taken all that
was sent, or not sent all of its body, waits: it lends its place to another clone, so that slow clients cannot keep all
others out. A client that takes nothing for too long is given up. So is the slowest one when another clone is to lend its
place and `maxStalledClones` have.

@returns ends the watch.
*/
export function watchForStall(client: Client): () => void {
  const now = uptimeMs()
  const entry: Watched = {
    ...client,
    waitsSince: now,
    looksAtWork: 0,
    tookAt: now,
    movedAt: now,
    count: Number.NaN,
    countAtMove: Number.NaN,
    reclaim: undefined,
  }
  watched.add(entry)
  timer ??= setInterval(look, INTERVAL_MS).unref()
  return () => forget(entry)
}

/** In a clone: the clients of its parent's other clones are not its own. */
export function forgetStalls(): void {
  watched.clear()
  timer = undefined
}

function look(): void {
  const now = uptimeMs()
  const all = looks++ % LENT_EVERY === 0
  for (const entry of [...watched]) {
    if (all || !entry.reclaim) lookAt(entry, now)
  }
}

function lookAt(entry: Watched, now: number): void {
  const progress = native().progressOf(descriptorOf(entry.socket) ?? -1)
  // Closed: whoever closed it ends the clone.
  if (!progress) return
  note(entry, progress, now)
  const hasRest = progress.unacknowledged > 0
  const isWaiting = hasRest || (entry.awaitsBody && progress.unread === 0)
  entry.looksAtWork = isWaiting ? 0 : entry.looksAtWork + 1
  if (!isWaiting) {
    entry.waitsSince = now
    if (entry.looksAtWork >= LOOKS_TO_TAKE_BACK) takeBack(entry)
  } else if (hasRest && now - entry.tookAt >= entry.timeout) {
    giveUp(entry, `it took nothing of its answer for ${entry.timeout} ms`)
  } else if (!entry.reclaim && now - entry.waitsSince >= lendAfter() && makeRoom(now)) {
    entry.reclaim = lendPlace()
  }
}

function lendAfter(): number {
  return someWait() ? LEND_AFTER_MS_IF_WANTED : LEND_AFTER_MS
}

/** Notes whether a client has moved. */
function note(
  entry: Watched,
  { unacknowledged, acknowledged, received = 0 }: NativeProgress,
  now: number,
): void {
  // Unix sockets have no counts. What they hold changes when the other side takes some of it.
  const isCounted = acknowledged !== undefined
  const count = isCounted ? acknowledged + received : unacknowledged
  if (unacknowledged === 0 || count !== entry.count) entry.tookAt = now
  entry.count = count
  if (Math.abs(count - entry.countAtMove) < (isCounted ? LEAST_BYTES : 1)) return
  entry.movedAt = now
  entry.countAtMove = count
}

/** Whether one more place may be lent, if need be as the slowest client whose clone has lent its own is given up. */
function makeRoom(now: number): boolean {
  const lent = [...watched].filter(({ reclaim }) => reclaim !== undefined)
  if (lent.length < settings().maxStalledClones) return true
  const slowest = lent.sort((one, other) => one.movedAt - other.movedAt).at(0)
  if (!slowest || now - slowest.movedAt < LEAST_BYTES_WITHIN_MS) return false
  giveUp(slowest, 'it was the slowest when more clones waited for clients than `maxStalledClones` allows')
  return true
}

function giveUp(entry: Watched, reason: string): void {
  // The clone has a place until it has ended.
  forget(entry)
  entry.giveUp(reason)
}

function forget(entry: Watched): void {
  watched.delete(entry)
  takeBack(entry)
  if (watched.size > 0) return
  clearInterval(timer)
  timer = undefined
}

function takeBack(entry: Watched): void {
  entry.reclaim?.()
  entry.reclaim = undefined
}
