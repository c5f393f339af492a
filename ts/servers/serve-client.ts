import type { Socket } from 'node:net'
import { calledInClones } from '../in-clone/precompile.js'
import { onReport } from '../in-clone/progress.js'
import { native } from '../native.js'
import { clearTimeout, setTimeout, uptimeMs } from '../node-internals/clock.js'
import { AbortController } from '../node-internals/process.js'
import { sign } from '../observe/diagnostics.js'
import type { ServingOptions } from '../options/clone-options.js'
import { defaultPlaces } from '../parent/admission.js'
import { failureAtEnd, type Launched, launch, prepare } from '../parent/launch.js'
import { discard, killAfter } from '../parent/terminate.js'
import { KIND } from '../transport/frames.js'
import { decodeValue, encodeValue } from '../transport/messages.js'
import type { Callable } from '../types/callable.js'
import type { Clone, Serving } from '../types/clone.js'
import { QcloneError } from '../types/errors.js'
import { watchClient } from './client-connection.js'
import { pendingOn } from './drain.js'
import { visitorOn, watchForStall } from './stalls.js'
import { tellOperator } from './tell-operator.js'

/** Client that gets its own clone. */
export interface Client<D> {
  kind: Serving
  name: string
  options: ServingOptions
  /** Connection, which the clone keeps. */
  socket: Socket
  /** Whether a client that has only ended its side counts as connected. */
  halfOpen: boolean
  /** Whether the clone may have to read more from the client before it can answer. */
  awaitsBody: boolean
  /** Maximum time a clone continues after its client has left, in milliseconds. */
  disconnectTimeout: number
  /** Maximum time a clone continues after it has reported that it is done, in milliseconds. */
  afterResponseTimeout: number
  /** Called in the clone. */
  inClone: (line: Line) => void
  /** Called in this process when the clone is ready. */
  onReady?: () => void
  /** Called in this process before the client receives anything. Throws if the clone's message is malformed. */
  onBegun?: (how: unknown) => void
  /** Reads the clone's message that it is done. Throws if the message is malformed. */
  readDone: (how: unknown) => D
  /** Functions that `inClone` calls first, to be compiled in the parent. */
  calls: readonly Callable[]
}

/** Functions a clone calls to report its progress with a client to its parent. */
export interface Line {
  /** Must be called before the client receives anything. */
  begun: (how?: string) => void
  /** Must be called once the client has been sent everything. The connection then belongs to the parent again. */
  done: (how?: string) => void
}

/** Outcome of serving a client by a clone. */
export type Served<D> =
  /** The client has been sent everything. */
  | { readonly how: D }
  /** The client has not been sent everything. */
  | {
      readonly error: QcloneError
      /** Whether the client may have received something. */
      readonly begun: boolean
      /** Whether the client has left. */
      readonly left: boolean
      /** Whether the client was given up because it took too little. */
      readonly stalled: boolean
    }

/**
Time a clone has to report that it is done once its client has left and it is ready, in milliseconds. A client can end
its side right after its request, and leave right after the answer, before the clone reports. On a busy machine, the
report can take some hundred milliseconds.
*/
export const DISCONNECT_TIMEOUT_MS = 1000

/** Default of `writeStallTimeout`. */
const WRITE_STALL_TIMEOUT_MS = 20_000

/** Makes a clone that serves a client, and waits for the outcome. Never rejects. */
export async function serve<D>(client: Client<D>): Promise<Served<D>> {
  const gone = new AbortController()
  let begun = false
  let left = false
  let stalled = false
  let leavingTimer: NodeJS.Timeout | undefined
  let unwatch = () => {}
  let unwatchStall = (_answered: boolean) => {}
  let answered = false
  let isStarting = false
  const startLeaving = () => {
    // A connection that this process has closed stays open while the clone has it.
    const patience = client.socket.destroyed ? 0 : client.disconnectTimeout
    clearTimeout(leavingTimer)
    leavingTimer = setTimeout(() => gone.abort(new Error('the client has left')), patience)
  }
  const onLeft = () => {
    left = true
    // A clone that is starting gets its time once it is ready: the client may only have ended its side.
    if (!isStarting || client.socket.destroyed) startLeaving()
  }
  const giveUp = (reason: string) => {
    stalled = true
    sign('qclone:client', { reason, remoteAddress: client.socket.remoteAddress })
    gone.abort(new Error(`the client was given up: ${reason}`))
  }
  const { kind, name, socket, inClone, calls } = client
  const { writeStallTimeout = WRITE_STALL_TIMEOUT_MS, ...options } = client.options
  let launched: Launched | undefined
  try {
    const stdio = prepare(client, {}, () => {
      unwatch = watchClient(socket, client, onLeft)
    })
    launched = await launch({
      places: defaultPlaces,
      kind,
      name,
      options: { ...options, keep: [...(options.keep ?? []), socket], signal: gone.signal },
      client: visitorOn(socket),
      hindrance: pendingOn({ socket, timeout: writeStallTimeout, giveUp }),
      stdio,
      link: 'pipe',
      onForked: () => {
        isStarting = true
        if (!socket.destroyed) clearTimeout(leavingTimer)
      },
      inClone: ({ fd }) => {
        onReport(undefined)
        inClone({ begun: sendBegun.bind(undefined, fd), done: sendDone.bind(undefined, fd) })
      },
      calls: [inClone, ...calls],
    })
    isStarting = false
    if (left) startLeaving()
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
    const how = await answer(launched, onBegun, client)
    answered = true
    return { how }
  } catch (error) {
    // Usually the clone has ended already.
    if (launched) discard(launched.clone)
    // A client that has left or was given up is not a failure of the clone.
    if (!gone.signal.aborted && !left && !socket.destroyed) tellOperator(client, error as QcloneError)
    return { error: error as QcloneError, begun, left, stalled }
  } finally {
    clearTimeout(leavingTimer)
    unwatch()
    unwatchStall(answered)
  }
}

function sendBegun(fd: number, how?: string): void {
  native().writeAll(fd, encodeValue(KIND.begun, how))
}

function sendDone(fd: number, how?: string): void {
  native().writeAll(fd, encodeValue(KIND.value, how))
}

/** Waits until the clone has reported that it is done. */
function answer<D>(
  launched: Launched,
  onBegun: (how: unknown) => void,
  { readDone, afterResponseTimeout }: Client<D>,
): Promise<D> {
  const { clone, channel, guard } = launched
  const { kind, name, pid } = clone
  const launchedAt = uptimeMs()
  return new Promise<D>((resolve, reject) => {
    channel.on('frame', (frame) => {
      try {
        const how = decodeValue(frame)
        if (frame.kind === KIND.begun) return onBegun(how)
        if (frame.kind !== KIND.value) throw new Error('it is of the wrong kind')
        const done = readDone(how)
        // The end of a session is not an answer.
        if (kind !== 'session')
          sign('qclone:answered', { kind, name, pid, ms: uptimeMs() - launchedAt, failed: false })
        endSoon(clone, afterResponseTimeout)
        resolve(done)
      } catch (cause) {
        const message = `clone ${pid} sent a message that cannot be read: ${(cause as Error).message}`
        reject(new QcloneError('ERR_QCLONE_DIED', message, { cause }))
        discard(clone)
      }
      channel.destroy()
    })
    channel.on('close', () => {
      failureAtEnd('its client had the whole answer', launched).then(reject, reject)
    })
    channel.resume()
  }).finally(() => guard.release())
}

function endSoon(clone: Clone, timeout: number): void {
  // Handlers and diagnostics channels get the status.
  if (timeout !== Infinity) killAfter(clone, timeout).catch(() => {})
}

calledInClones(sendBegun, sendDone)
