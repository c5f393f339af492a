import type { Socket } from 'node:net'
import type { Clone, Serving } from '../children.js'
import { type Callable, calledInClones } from '../clone-context/ahead.js'
import { decodeValue, encodeValue } from '../delivery.js'
import { QcloneError } from '../errors.js'
import { frame, KIND } from '../frames.js'
import { killAfter } from '../guard.js'
import { type Launched, launch, prepare } from '../launch.js'
import { native } from '../native.js'
import type { ServingOptions } from '../options.js'
import { onReport } from '../report.js'
import { sign } from '../signs.js'
import { inWords } from '../wait-status.js'
import { watchClient } from './connection.js'

/** A client that wants a clone of its own. */
export interface Client<D> {
  event: Serving
  name: string
  options: ServingOptions
  /** The connection, which the clone keeps. This process reads nothing from it meanwhile. */
  socket: Socket
  /** Whether a client that only says that it sends nothing more has not left. */
  halfOpen: boolean
  /** For how many milliseconds a clone may go on after its client has left. */
  farewell: number
  /** For how many milliseconds a clone may go on after it has told that it is done. */
  linger: number
  /** Called in the clone. */
  inClone: (line: Line<D>) => void
  /** Functions that `inClone` calls first. */
  calls: readonly Callable[]
}

/** By which a clone tells its parent how far it is with a client. */
export interface Line<D> {
  /** To be called before the client gets anything. */
  begun: () => void
  /** The client has got everything, and the connection is the parent's again. */
  done: (how: D) => void
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
    }

/**
A client may end its side as soon as it has asked, and leave as soon as it has what it wants, before the clone can tell
that it has sent it. A clone that has not told by then is no longer wanted.
*/
export const FAREWELL_MS = 250

/** Makes a clone that serves a client, and waits until it is done. Never rejects. */
export async function serve<D>(client: Client<D>): Promise<Served<D>> {
  const gone = new AbortController()
  let begun = false
  let left = false
  let farewell: NodeJS.Timeout | undefined
  let unwatch = () => {}
  const onLeft = () => {
    left = true
    farewell = setTimeout(() => gone.abort(new Error('the client has left')), client.farewell)
  }
  const { event, name, options, socket, inClone, calls } = client
  try {
    const stdio = prepare(client, {}, () => {
      unwatch = watchClient(socket, client, onLeft)
    })
    const launched = await launch({
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
    const onBegun = () => {
      begun = true
    }
    return { how: await answer<D>(launched, onBegun, client.linger) }
  } catch (error) {
    return { error: error as QcloneError, begun, left }
  } finally {
    clearTimeout(farewell)
    unwatch()
  }
}

function tellBegun(fd: number): void {
  native().writeAll(fd, frame(KIND.begun))
}

function tellDone(fd: number, how: unknown): void {
  native().writeAll(fd, encodeValue(KIND.value, how))
}

/** Waits until the clone has told that it is done. */
function answer<D>({ clone, channel, guard }: Launched, onBegun: () => void, linger: number): Promise<D> {
  const { event, name, pid } = clone
  const launchedAt = performance.now()
  return new Promise((resolve, reject) => {
    channel.on('frame', (frame) => {
      if (frame.kind === KIND.begun) return onBegun()
      sign('qclone:answered', { event, name, pid, ms: performance.now() - launchedAt, failed: false })
      guard.release()
      endSoon(clone, linger)
      resolve(decodeValue(frame) as D)
      channel.destroy()
    })
    channel.on('close', () => {
      clone.exited
        .then((status) => {
          if (guard.triggered) throw guard.error(status)
          const message = `clone ${pid} ${inWords(status)} before its client had the whole answer`
          throw new QcloneError('ERR_QCLONE_DIED', message, { status })
        })
        .catch(reject)
        .finally(() => guard.release())
    })
    channel.resume()
  })
}

function endSoon(clone: Clone, linger: number): void {
  // How it ended is told to the handlers.
  if (linger !== Infinity) killAfter(clone, linger).catch(() => {})
}

calledInClones(tellBegun, tellDone)
