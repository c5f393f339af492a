import type { Socket } from 'node:net'
import type { Clone, Serving } from '../children.js'
import { clearTimeout, setTimeout, uptimeMs } from '../clock.js'
import { type Callable, calledInClones } from '../clone-context/ahead.js'
import { decodeValue, encodeValue } from '../delivery.js'
import { QcloneError } from '../errors.js'
import { KIND } from '../frames.js'
import { discard, killAfter } from '../guard.js'
import { diedBefore, type Launched, launch, prepare } from '../launch.js'
import { native } from '../native.js'
import { AbortController } from '../node.js'
import type { ServingOptions } from '../options.js'
import { onReport } from '../report.js'
import { sign } from '../signs.js'
import { watchClient } from './connection.js'
import { watchForStall } from './stalls.js'
import { tellOperator } from './tell-operator.js'

/** A client that wants a clone of its own. */
export interface Client<D> {
  event: Serving
  name: string
  options: ServingOptions
  /** The connection, which the clone keeps. This process reads nothing from it meanwhile. */
  socket: Socket
  /** Whether a client that only says that it sends nothing more has not left. */
  halfOpen: boolean
  /** Whether the clone may have to read more from the client before it can answer. */
  awaitsBody: boolean
  /** For how many milliseconds a clone may go on after its client has left. */
  farewell: number
  /** For how many milliseconds a clone may go on after it has told that it is done. */
  linger: number
  /** Called in the clone. */
  inClone: (line: Line) => void
  /** Called in this process when the clone is ready. */
  onReady?: () => void
  /** Called in this process when the client gets something next. Throws when that is nothing that a clone tells. */
  onBegun?: (how: unknown) => void
  /** Reads what the clone tells when it is done. Throws when that is nothing that a clone tells. */
  readDone: (how: unknown) => D
  /** Functions that `inClone` calls first. */
  calls: readonly Callable[]
}

/** By which a clone tells its parent how far it is with a client. */
export interface Line {
  /** To be called before the client gets anything. */
  begun: (how?: string) => void
  /** The client has got everything, and the connection is the parent's again. */
  done: (how?: string) => void
}

/** How the serving of a client by a clone ended. */
export type Served<D> =
  /** The client has all that it was to get. */
  | { readonly how: D }
  /** It has not. */
  | {
      readonly error: QcloneError
      /** Whether it may have got something. */
      readonly begun: boolean
      /** Whether it has left. */
      readonly left: boolean
      /** Whether it was given up, as it took nothing. */
      readonly stalled: boolean
    }

/**
A client may end its side as soon as it has asked, and leave as soon as it has what it wants, before the clone can tell
that it has sent it. A clone that has not told by then is no longer wanted.
*/
export const FAREWELL_MS = 250

/** How long a client may take nothing, by default. */
const WRITE_STALL_TIMEOUT_MS = 20_000

/** Makes a clone that serves a client, and waits until it is done. Never rejects. */
export async function serve<D>(client: Client<D>): Promise<Served<D>> {
  const gone = new AbortController()
  let begun = false
  let left = false
  let stalled = false
  let farewell: NodeJS.Timeout | undefined
  let unwatch = () => {}
  let unwatchStall = () => {}
  const onLeft = () => {
    left = true
    // A connection that this process has closed is open as long as the clone has it.
    const patience = client.socket.destroyed ? 0 : client.farewell
    farewell = setTimeout(() => gone.abort(new Error('the client has left')), patience)
  }
  const giveUp = (reason: string) => {
    stalled = true
    sign('qclone:client', { reason, remoteAddress: client.socket.remoteAddress })
    gone.abort(new Error(`the client was given up: ${reason}`))
  }
  const { event, name, socket, inClone, calls } = client
  const { writeStallTimeout = WRITE_STALL_TIMEOUT_MS, ...options } = client.options
  let launched: Launched | undefined
  try {
    const stdio = prepare(client, {}, () => {
      unwatch = watchClient(socket, client, onLeft)
    })
    launched = await launch({
      event,
      name,
      options: { ...options, keep: [...(options.keep ?? []), socket], signal: gone.signal },
      stdio,
      link: 'pipe',
      inClone: ({ fd }) => {
        onReport(undefined)
        inClone({ begun: tellBegun.bind(undefined, fd), done: tellDone.bind(undefined, fd) })
      },
      calls: [inClone, ...calls],
    })
    client.onReady?.()
    unwatchStall = watchForStall({
      socket,
      awaitsBody: client.awaitsBody,
      timeout: writeStallTimeout,
      giveUp,
    })
    const onBegun = (how: unknown) => {
      begun = true
      client.onBegun?.(how)
    }
    return { how: await answer(launched, onBegun, client) }
  } catch (error) {
    // Most often it has ended.
    if (launched) discard(launched.clone)
    // One that has left, or was given up, is no failure of a clone's.
    if (!gone.signal.aborted && !left && !socket.destroyed) tellOperator(client, error as QcloneError)
    return { error: error as QcloneError, begun, left, stalled }
  } finally {
    clearTimeout(farewell)
    unwatch()
    unwatchStall()
  }
}

function tellBegun(fd: number, how?: string): void {
  native().writeAll(fd, encodeValue(KIND.begun, how))
}

function tellDone(fd: number, how?: string): void {
  native().writeAll(fd, encodeValue(KIND.value, how))
}

/** Waits until the clone has told that it is done. */
function answer<D>(
  launched: Launched,
  onBegun: (how: unknown) => void,
  { readDone, linger }: Client<D>,
): Promise<D> {
  const { clone, channel, guard } = launched
  const { event, name, pid } = clone
  const launchedAt = uptimeMs()
  return new Promise<D>((resolve, reject) => {
    channel.on('frame', (frame) => {
      try {
        const how = decodeValue(frame)
        if (frame.kind === KIND.begun) return onBegun(how)
        if (frame.kind !== KIND.value) throw new Error('its last message is of the wrong kind')
        const done = readDone(how)
        sign('qclone:answered', { event, name, pid, ms: uptimeMs() - launchedAt, failed: false })
        endSoon(clone, linger)
        resolve(done)
      } catch (cause) {
        const message = `clone ${pid} sent what cannot be read: ${(cause as Error).message}`
        reject(new QcloneError('ERR_QCLONE_DIED', message, { cause }))
        discard(clone)
      }
      channel.destroy()
    })
    channel.on('close', () => {
      guard.exited
        .then((status) => {
          throw guard.triggered
            ? guard.error(status)
            : diedBefore('its client had the whole answer', launched, status)
        })
        .catch(reject)
    })
    channel.resume()
  }).finally(() => guard.release())
}

function endSoon(clone: Clone, linger: number): void {
  // How it ended is told to the handlers.
  if (linger !== Infinity) killAfter(clone, linger).catch(() => {})
}

calledInClones(tellBegun, tellDone)
