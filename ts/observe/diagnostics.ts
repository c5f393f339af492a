import { channel } from 'node:diagnostics_channel'
import { debuglog } from 'node:util'
import type { ForkTimings } from '../native.js'
import type { CloneKind } from '../types/clone.js'
import type { QcloneError } from '../types/errors.js'
import type { WaitStatus } from '../types/wait-status.js'

/** Properties of messages about a task. */
export interface TaskSign {
  /** Function, or kind of server, that requested or made the clone. */
  readonly kind: CloneKind
  /** Name of the clone: the option `name`, or the name of its function. */
  readonly name: string
}

/** Properties of messages about a clone. */
export interface CloneSign extends TaskSign {
  /** Process id of the clone. */
  readonly pid: number
}

/** Messages by channel of `node:diagnostics_channel`. */
export interface Signs {
  /** A call waits for its turn. */
  'qclone:queued': TaskSign & {
    /** Calls in the queue, this one included. */
    readonly waiting: number
  }
  /** A clone was made. */
  'qclone:forked': CloneSign & {
    /** Duration of each step of the fork. */
    readonly timings: ForkTimings
    /** Advice on making forks faster, if this one was slow. */
    readonly advice?: string
  }
  /** A clone could not be made. */
  'qclone:refused': TaskSign & {
    /** Error that prevented the clone. */
    readonly error: QcloneError
  }
  /** A clone is about to call its function. Not for `spawn`, whose clones report nothing. */
  'qclone:ready': CloneSign & {
    /** Milliseconds since the fork. */
    readonly ms: number
  }
  /** A clone was not ready in time and was killed, or ended before it was ready. */
  'qclone:unready': CloneSign & {
    /** Milliseconds since the fork. */
    readonly ms: number
    /** How the clone ended. */
    readonly status: WaitStatus
  }
  /** A clone of `run` has sent its outcome, or a clone of a server has sent everything to its client. */
  'qclone:answered': CloneSign & {
    /** Milliseconds since the clone was ready. */
    readonly ms: number
    /** Whether the function threw. */
    readonly failed: boolean
  }
  /** A client was rejected, or its connection reset, because it violated its protocol. */
  'qclone:client': {
    /** Fault in the bytes it sent. */
    readonly reason: string
    /** Address of the client; `undefined` if its socket does not report it. */
    readonly remoteAddress: string | undefined
  }
  /** A generation of readers has begun to serve. */
  'qclone:generation': {
    /** Number of the generation, from 1. */
    readonly generation: number
    /** Process ids of its readers. */
    readonly pids: readonly number[]
    /** Milliseconds from the first fork until all readers were ready. */
    readonly ms: number
  }
  /** A generation of readers could not be made. The previous one keeps serving, and its snapshot grows older. */
  'qclone:deferred': {
    /** Number of the generation that keeps serving; 0 if there is none yet. */
    readonly generation: number
    /** Error that prevented a new generation. */
    readonly error: Error
  }
  /**
  A clone has ended, `ms` after the fork. Data it sent earlier may be read, and published, after this. `copiedBytes` is
  the memory it copied or allocated, from its page faults without I/O.
  */
  'qclone:reaped': CloneSign & {
    /** Milliseconds since the fork. */
    readonly ms: number
    /** How the clone ended. */
    readonly status: WaitStatus
    /** Memory the clone copied or allocated, in bytes; `undefined` if the system does not report it. */
    readonly copiedBytes: number | undefined
  }
}

const NAMES = [
  'qclone:queued',
  'qclone:forked',
  'qclone:refused',
  'qclone:ready',
  'qclone:unready',
  'qclone:answered',
  'qclone:client',
  'qclone:generation',
  'qclone:deferred',
  'qclone:reaped',
] as const satisfies ReadonlyArray<keyof Signs>

const channels = Object.fromEntries(NAMES.map((name) => [name, channel(name)]))
const debug = debuglog('qclone')

/** Returns whether a channel has subscribers. */
export function isHeard(name: keyof Signs): boolean {
  return channels[name]?.hasSubscribers === true
}

/** Publishes a message, and prints it with `NODE_DEBUG=qclone`. */
export function sign<N extends keyof Signs>(name: N, message: Signs[N]): void {
  if (debug.enabled) debug('%s %o', name, message)
  const published = channels[name]
  if (published?.hasSubscribers) published.publish(message)
}
