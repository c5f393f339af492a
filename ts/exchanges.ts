import type { Socket } from 'node:net'
import { uptimeMs } from './clock.js'
import { native } from './native.js'

/**
For how long, in milliseconds after the last write, requests that were written together count as under way although
something has come since: their answers may come one by one.
*/
const DOUBT_MS = 5000

/** What this process knows of a connection by which it sends requests. */
interface Exchange {
  /** Bytes that it had read at its last write. */
  read: number
  /** Writes that nothing may have answered yet: whatever comes answers one at least. */
  unanswered: number
  /** Whether it has written more than once and never read in between, as clients do that introduce themselves. */
  isGreeting: boolean
  /** When it last wrote, by `uptimeMs()`. */
  writtenAt: number
  /** The other side's address; undefined until it was asked for, null when there is none. */
  peer: string | null | undefined
}

/** The same in all copies of this package: the first one notes. */
const EXCHANGE: unique symbol = Symbol.for('qclone.exchange')

/** A socket, with what node has on it besides its API. */
export type Connection = Socket & {
  [EXCHANGE]?: Exchange
  readonly _handle?: { readonly fd?: number; readonly bytesWritten?: number } | null
  readonly isTTY?: boolean
  /** Of a socket that a server has accepted. */
  readonly server?: object | null
}

/**
Notes, right before it, a write to a connection on which this process sends requests.

User space alone knows the order of writes and reads. The kernel has the time of either (`tcpi_last_data_sent`,
`tcpi_last_data_recv`), but counts it in ticks of up to 10 ms, within which many requests are answered, and for a unix
socket it has none.
*/
export function noteWrite(socket: Connection): void {
  if (!sendsRequests(socket)) return
  const { bytesRead } = socket
  const known = socket[EXCHANGE] ?? begin(socket)
  const writtenAt = uptimeMs()
  if (bytesRead !== known.read) {
    // A socket that has connected anew has read less.
    const isAnswered = known.isGreeting || bytesRead < known.read || isPast(known, writtenAt)
    known.unanswered = isAnswered ? 0 : Math.max(0, known.unanswered - 1)
    known.isGreeting = false
    known.read = bytesRead
  }
  known.unanswered++
  known.writtenAt = writtenAt
  if (known.peer === undefined && !socket.connecting) known.peer = peerOf(socket)
}

/**
Whether requests of this process may have been under way on a connection: sent, or about to be, and not answered.

They are for certain when nothing has come since the last write. They may be when more was written than came in
answer, piece by piece, until {@link DOUBT_MS} have passed since the last write.

@param queued what is to be written to it and has not been.
@param forks when this process and those that it stems from were forked, by `uptimeMs()`: after the first of them that came
after the last write, nothing was heard.
*/
export function hasUnderWay(socket: Connection, queued: number, forks: readonly number[]): boolean {
  const known = socket[EXCHANGE]
  // It was written to before this package was loaded.
  if (!known) return sendsRequests(socket) && hasWritten(socket)
  if (queued > 0 || socket.bytesRead === known.read) return true
  const at = forks.find((at) => at >= known.writtenAt) ?? known.writtenAt
  return known.unanswered > 1 && !isPast(known, at)
}

/** Whether writes to a connection have been noted. */
export function isNoted(socket: Connection): boolean {
  return socket[EXCHANGE] !== undefined
}

/** The address of a connection's other side, as noted: `127.0.0.1:80`, or the path of a unix socket. */
export function notedPeer(socket: Connection): string {
  return socket[EXCHANGE]?.peer ?? 'an unknown address'
}

/** Not one that a server has accepted, which nobody connects anew, nor the standard input of a child process, nor a terminal. */
function sendsRequests({ server, readable, isTTY }: Connection): boolean {
  return !server && readable && !isTTY
}

/** Not by `bytesWritten` of the socket, which counts what is queued, and throws while node writes that. */
function hasWritten({ _handle }: Connection): boolean {
  return (_handle?.bytesWritten ?? 0) > 0
}

function isPast({ writtenAt }: Exchange, at: number): boolean {
  return at - writtenAt >= DOUBT_MS
}

function begin(socket: Connection): Exchange {
  const exchange: Exchange = {
    read: socket.bytesRead,
    unanswered: hasWritten(socket) ? 1 : 0,
    isGreeting: true,
    writtenAt: 0,
    peer: undefined,
  }
  // Not enumerable: nobody is to see it who looks at the socket.
  Object.defineProperty(socket, EXCHANGE, { value: exchange })
  return exchange
}

function peerOf({ remoteAddress, remotePort, _handle }: Connection): string | null {
  if (remoteAddress !== undefined) {
    return remoteAddress.includes(':') ? `[${remoteAddress}]:${remotePort}` : `${remoteAddress}:${remotePort}`
  }
  try {
    // Node has no name for the other side of a unix socket.
    return native().unixPeerOf(_handle?.fd ?? -1)
  } catch {
    // Where there is no native part there are no clones.
    return null
  }
}
