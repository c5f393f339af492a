import type { Socket } from 'node:net'
import { onBecomingClone } from '../in-clone/hooks.js'
import { type NativeProgress, native } from '../native.js'
import { clearInterval, setInterval, uptimeMs } from '../node-internals/clock.js'
import { settings } from '../options/settings.js'
import { defaultPlaces } from '../parent/admission.js'
import type { Visitor } from '../parent/pacing.js'
import { descriptorOf } from './client-connection.js'
import { networkOf } from './network-of.js'

/** Client that a clone serves. */
interface Client {
  readonly socket: Socket
  /** Whether the clone may be waiting for more of a request's body. */
  readonly awaitsBody: boolean
  /** Maximum time without the client taking any data, in milliseconds. */
  readonly timeout: number
  /** Terminates the clone and ends the connection. */
  readonly giveUp: (reason: string) => void
}

interface Watched extends Client {
  /** Time since which every look has found the clone waiting for the client. */
  waitsSince: number
  /** Number of consecutive looks at which the clone has not been waiting. */
  looksAtWork: number
  /** Time at which the client last took or sent anything. */
  tookAt: number
  /** Time at which the client last took or sent {@link LEAST_BYTES}. */
  movedAt: number
  /** Bytes that the client had taken and sent at the last look, and at `movedAt`. */
  count: number
  countAtMove: number
  /** Takes the clone's place back, while it is lent. */
  reclaim: (() => void) | undefined
  /** Whether the clone has ever lent its place. */
  hasLent: boolean
}

/** Time between two looks at a client, in milliseconds. A look takes about two microseconds. */
const INTERVAL_MS = 25
/** There can be many clients whose clones have lent their places: only one in this number of looks includes them. */
const LENT_EVERY = 4
/** Time after which a clone that waits for its client lends its place, in milliseconds. */
const LEND_AFTER_MS = 200
/** The same while others wait for a place. Not less: data takes that long to reach a distant client. */
const LEND_AFTER_MS_IF_WANTED = 50
/** A client that moves fewer bytes than this in that many milliseconds can be reset in favor of another. */
const LEAST_BYTES = 4096
const LEAST_BYTES_WITHIN_MS = 1000

/** Consecutive looks without waiting after which a clone takes its place back. One look may catch a single byte. */
const LOOKS_TO_TAKE_BACK = 2

const watched = new Set<Watched>()
/** Connections whose latest answer was complete and never had to wait for the client. */
const known = new WeakSet<Socket>()

let timer: NodeJS.Timeout | undefined
let looks = 0

/** Returns the facts about a connection's client that decide when it gets its next clone. */
export function visitorOn(socket: Socket): Visitor {
  return { standing: known.has(socket) ? 'known' : 'new', address: networkOf(socket.remoteAddress ?? '') }
}

/**
Watches a client that a clone serves.

The kernel counts the bytes that the other side has taken, whichever process wrote them. A clone waits while its client
has not taken everything, or has not sent all of its body. It then lends its place to another clone, so that slow
clients cannot keep all others out. A client that takes nothing for too long is given up. So is the slowest one when
another clone needs to lend its place and `maxStalledClones` already have.

@returns a function that ends the watch, given whether the client was sent everything. If it was, and kept up, the
client is known from then on.
*/
export function watchForStall(client: Client): (answered: boolean) => void {
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
    hasLent: false,
  }
  watched.add(entry)
  timer ??= setInterval(look, INTERVAL_MS).unref()
  return (answered) => {
    forget(entry)
    if (answered && !entry.hasLent) known.add(client.socket)
    else known.delete(client.socket)
  }
}

// A clone does not watch the clients of its parent's other clones.
onBecomingClone('clients', () => {
  watched.clear()
  timer = undefined
})

function look(): void {
  const now = uptimeMs()
  const all = looks++ % LENT_EVERY === 0
  for (const entry of [...watched]) {
    if (all || !entry.reclaim) lookAt(entry, now)
  }
}

function lookAt(entry: Watched, now: number): void {
  const progress = native().progressOf(descriptorOf(entry.socket) ?? -1)
  // The connection is closed, and its closer ends the clone.
  if (!progress) return
  note(entry, progress, now)
  const hasRest = progress.unacknowledged > 0
  const isWaiting = hasRest || (entry.awaitsBody && progress.unread === 0)
  entry.looksAtWork = isWaiting ? 0 : entry.looksAtWork + 1
  if (!isWaiting) {
    entry.waitsSince = now
    if (entry.looksAtWork >= LOOKS_TO_TAKE_BACK) takeBack(entry)
  } else if (hasRest && now - entry.tookAt >= entry.timeout) {
    giveUp(entry, `it read none of its response for ${entry.timeout} ms (\`writeStallTimeout\`)`)
  } else if (!entry.reclaim && now - entry.waitsSince >= lendAfter() && makeRoom(now)) {
    entry.reclaim = defaultPlaces.lend(visitorOn(entry.socket).address)
    entry.hasLent = true
  }
}

function lendAfter(): number {
  return defaultPlaces.someLackPlaces ? LEND_AFTER_MS_IF_WANTED : LEND_AFTER_MS
}

/** Records whether a client has taken or sent anything. */
function note(
  entry: Watched,
  { unacknowledged, acknowledged, received = 0 }: NativeProgress,
  now: number,
): void {
  // Unix sockets have no counters, but the amount they hold changes when the other side reads.
  const isCounted = acknowledged !== undefined
  const count = isCounted ? acknowledged + received : unacknowledged
  if (unacknowledged === 0 || count !== entry.count) entry.tookAt = now
  entry.count = count
  if (Math.abs(count - entry.countAtMove) < (isCounted ? LEAST_BYTES : 1)) return
  entry.movedAt = now
  entry.countAtMove = count
}

/** Whether one more place can be lent. If necessary, gives up the slowest client whose clone has lent its place. */
function makeRoom(now: number): boolean {
  const lent = [...watched].filter(({ reclaim }) => reclaim !== undefined)
  if (lent.length < settings().maxStalledClones) return true
  const slowest = lent.sort((one, other) => one.movedAt - other.movedAt).at(0)
  if (!slowest || now - slowest.movedAt < LEAST_BYTES_WITHIN_MS) return false
  giveUp(
    slowest,
    'it was the slowest client when more clones waited for clients than `maxStalledClones` allows',
  )
  return true
}

function giveUp(entry: Watched, reason: string): void {
  // The clone takes its place back until it has ended.
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
