import type { Socket } from 'node:net'
import { native } from '../native.js'
import { clearInterval, setImmediate, setInterval, uptimeMs } from '../node-internals/clock.js'
import { descriptorsOf } from '../options/keepable.js'
import { onAbort } from '../options/on-abort.js'
import { settings } from '../options/settings.js'
import type { Hindrance } from '../parent/launch.js'
import type { QcloneError } from '../types/errors.js'
import { descriptorOf } from './client-connection.js'

/** Client that may not have read everything this process has sent. */
interface Client {
  readonly socket: Socket
  /** Maximum time without the client taking any data, in milliseconds. */
  readonly timeout: number
  /** Ends the connection, through an abort signal that also ends the wait. */
  readonly giveUp: (reason: string) => void
}

/** Time between two checks of a client that reads nothing, in milliseconds. */
const LOOK_EVERY_MS = 1000

/** Returns the hindrance of bytes pending in this process on a client's connection: both processes would send them. */
export function pendingOn(client: Client): Hindrance {
  return {
    isThere: () => hasPending(client.socket),
    untilGone: (signals) => untilDrained(client, signals),
  }
}

/** A closed connection sends nothing, and is refused for being closed. */
function hasPending(socket: Socket): boolean {
  return socket.writableLength > 0 && !socket.destroyed
}

/**
Waits until the kernel has taken everything this process has written to a connection.

The kernel takes it once the client has read enough. A client that takes nothing for too long is given up. If the client
has taken everything, this process itself holds the bytes back (`cork`). The wait for that is limited by `forkTimeout`.
*/
function untilDrained(client: Client, signals: readonly AbortSignal[]): Promise<QcloneError | undefined> {
  const { socket, timeout, giveUp } = client
  const { forkTimeout } = settings()
  return new Promise((resolve) => {
    let over = false
    const settle = (refusal?: QcloneError) => {
      if (over) return
      over = true
      clearInterval(timer)
      for (const forget of forgets) forget()
      resolve(refusal)
    }
    const wait = () => {
      if (over) return
      if (!hasPending(socket) || signals.some(({ aborted }) => aborted)) return settle()
      // `drain` is not emitted below the high-water mark. Node, too, learns from an empty write that a response has
      // been sent. A connection whose sending side has ended takes no more writes: the interval checks it.
      if (!socket.writableEnded) socket.write('', () => (hasPending(socket) ? setImmediate(wait) : settle()))
    }
    const timesOf = watch(socket)
    const look = () => {
      if (!hasPending(socket)) return settle()
      const { idleMs, keptBackMs } = timesOf()
      if (keptBackMs >= forkTimeout) settle(refusalOf(socket))
      else if (idleMs >= timeout) {
        giveUp(`it read none of the data sent to it for ${timeout} ms (\`writeStallTimeout\`)`)
      }
    }
    const timer = setInterval(look, Math.min(LOOK_EVERY_MS, timeout, forkTimeout)).unref()
    const forgets = signals.map((signal) => onAbort(signal, () => settle()))
    wait()
  })
}

/** Returns a function that returns how long a client has taken nothing, and how long there has been nothing to take. */
function watch(socket: Socket): () => { idleMs: number; keptBackMs: number } {
  const begun = uptimeMs()
  let tookAt = begun
  let leftAt = begun
  let { count } = progressOf(socket)
  return () => {
    const now = uptimeMs()
    const seen = progressOf(socket)
    if (seen.left === 0 || seen.count !== count) tookAt = now
    if (seen.left !== 0) leftAt = now
    count = seen.count
    return { idleMs: now - tookAt, keptBackMs: now - leftAt }
  }
}

/** Returns the bytes that the client has not taken, and a number that changes when it takes some. */
function progressOf(socket: Socket): { left?: number; count?: number } {
  const progress = native().progressOf(descriptorOf(socket) ?? -1)
  if (!progress) return {}
  const { unacknowledged, acknowledged } = progress
  // Unix sockets have no counter, but the amount they hold changes when the other side reads.
  return { left: unacknowledged, count: acknowledged ?? unacknowledged }
}

function refusalOf(socket: Socket): QcloneError | undefined {
  const kept = descriptorsOf([socket])
  return 'refusal' in kept ? kept.refusal : undefined
}
