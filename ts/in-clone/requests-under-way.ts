import type { Socket } from 'node:net'
import { native } from '../native.js'
import { uptimeMs } from '../node-internals/clock.js'
import { define } from '../node-internals/define.js'
import { handleOf } from '../node-internals/handles.js'
import { serverOf } from '../node-internals/sockets.js'
import { beginsPostgres, type Chunk, postgresRequestsIn, requestsIn } from './requests-in.js'

/**
Time in milliseconds after the last write for which requests written together count as in progress even if something has
arrived since: their answers can arrive one by one.
*/
const DOUBT_MS = 5000

/** Number of bytes read since the last write above which more may follow: a smaller answer is rarely read in parts. */
const LARGE_BYTES = 1 << 16

/** State of a connection on which this process sends requests. */
interface Exchange {
  /** Bytes read by the time of the last write. */
  read: number
  /** Maximum number of requests still unanswered: anything that arrives between two writes answers at least one. */
  unanswered: number
  /** Whether this is a connection to PostgreSQL, whose requests are several messages each. */
  isPostgres: boolean
  /** Whether all writes so far came before anything was read, as when a client introduces itself. */
  isGreeting: boolean
  /** Time of the last write, by `uptimeMs()`. */
  writtenAt: number
  /** Address of the other side; `undefined` until it is known, `null` if there is none. */
  peer: string | null | undefined
}

/** Key shared by all copies of this package. The first copy notes the writes. */
const EXCHANGE: unique symbol = Symbol.for('qclone.exchange')

/** Socket with its noted state. */
export type Connection = Socket & {
  [EXCHANGE]?: Exchange
  readonly isTTY?: boolean
}

/**
Notes a write, right before it, to a connection on which this process sends requests.

Only user space knows the order of writes and reads. The kernel has their times (`tcpi_last_data_sent`,
`tcpi_last_data_recv`), but in ticks of up to 10 ms, during which many requests are answered, and not for unix sockets.
*/
export function noteWrite(socket: Connection, chunks: readonly Chunk[]): void {
  if (!sendsRequests(socket)) return
  const { bytesRead } = socket
  const known = socket[EXCHANGE] ?? begin(socket, chunks)
  const writtenAt = uptimeMs()
  if (bytesRead !== known.read) {
    // A socket that has reconnected has read less.
    const isAnswered = known.isGreeting || bytesRead < known.read || isPast(known, writtenAt)
    known.unanswered = isAnswered ? 0 : Math.max(0, known.unanswered - 1)
    known.isGreeting = false
    known.read = bytesRead
  }
  known.unanswered += countIn(chunks, known)
  known.writtenAt = writtenAt
  if (known.peer === undefined && !socket.connecting) known.peer = peerOf(socket)
}

/**
Returns whether requests of this process may be in progress on a connection: sent, or about to be, and not answered.

They certainly are if nothing has arrived since the last write. They may be if there were more requests than arrivals,
or if so much has arrived that it may be part of one answer, until {@link DOUBT_MS} after the last write.

@param queued Bytes queued for the connection and not written yet.
@param forks Times at which this process and its ancestors were forked, by `uptimeMs()`. Nothing arrived after the first
fork that followed the last write.
*/
export function hasUnderWay(socket: Connection, queued: number, forks: readonly number[]): boolean {
  const known = socket[EXCHANGE]
  // Not noted: any writes happened before this package was loaded.
  if (!known) return sendsRequests(socket) && hasWritten(socket)
  if (queued > 0 || socket.bytesRead === known.read) return true
  const at = forks.find((at) => at >= known.writtenAt) ?? known.writtenAt
  const mayBeInPart = known.unanswered > 1 || socket.bytesRead - known.read > LARGE_BYTES
  return mayBeInPart && !isPast(known, at)
}

/** Returns whether writes to a connection have been noted. */
export function isNoted(socket: Connection): boolean {
  return socket[EXCHANGE] !== undefined
}

/** Returns the noted address of the other side: `127.0.0.1:80`, or the path of a unix socket. */
export function notedPeer(socket: Connection): string {
  return socket[EXCHANGE]?.peer ?? 'an unknown address'
}

/**
Returns whether this process sends requests on a connection. It does not on a connection that a server has accepted
(nobody reconnects that), on the standard input of a child process, or on a terminal.
*/
function sendsRequests(socket: Connection): boolean {
  return !serverOf(socket) && socket.readable && !socket.isTTY
}

/** Reads the handle, since `socket.bytesWritten` includes queued bytes, and throws while Node writes those. */
function hasWritten(socket: Connection): boolean {
  return (handleOf(socket)?.bytesWritten ?? 0) > 0
}

function isPast({ writtenAt }: Exchange, at: number): boolean {
  return at - writtenAt >= DOUBT_MS
}

/** Returns the number of requests in chunks, or more if the number is unknown. */
function countIn(chunks: readonly Chunk[], known: Exchange): number {
  // A PostgreSQL client's first message has no type. The messages up to the first request count as one with it.
  if (known.isPostgres && known.writtenAt > 0) {
    const count = postgresRequestsIn(chunks)
    if (count !== undefined) return count
    known.isPostgres = false
  }
  return requestsIn(chunks)
}

function begin(socket: Connection, chunks: readonly Chunk[]): Exchange {
  const isFirst = !hasWritten(socket)
  const exchange: Exchange = {
    read: socket.bytesRead,
    unanswered: isFirst ? 0 : 1,
    isPostgres: isFirst && beginsPostgres(chunks),
    isGreeting: true,
    writtenAt: 0,
    peer: undefined,
  }
  // Not enumerable, so that inspecting the socket does not show it.
  define(socket, EXCHANGE, { value: exchange })
  return exchange
}

function peerOf(socket: Connection): string | null {
  const { remoteAddress, remotePort } = socket
  if (remoteAddress !== undefined) {
    return remoteAddress.includes(':') ? `[${remoteAddress}]:${remotePort}` : `${remoteAddress}:${remotePort}`
  }
  try {
    // Node does not expose the peer of a unix socket.
    return native().unixPeerOf(handleOf(socket)?.fd ?? -1)
  } catch {
    // Without the native part there are no clones.
    return null
  }
}
