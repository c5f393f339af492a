import { channel } from 'node:diagnostics_channel'
import { debuglog } from 'node:util'
import type { EventType } from './children.js'
import type { QcloneError } from './errors.js'
import type { ForkTimings } from './native.js'
import type { WaitStatus } from './wait-status.js'

/** Of which task a sign is. */
export interface TaskSign {
  readonly event: EventType
  readonly name: string
}

/** Of which clone a sign is. */
export interface CloneSign extends TaskSign {
  readonly pid: number
}

/** What is published, by channel of `node:diagnostics_channel`. */
export interface Signs {
  /** A call waits for its turn. */
  'qclone:queued': TaskSign & { readonly waiting: number }
  /** A clone was made. */
  'qclone:forked': CloneSign & { readonly timings: ForkTimings }
  /** A clone could not be made. */
  'qclone:refused': TaskSign & { readonly error: QcloneError }
  /** A clone calls its function next; milliseconds since the fork. Not of `spawn`, whose clones tell nothing. */
  'qclone:ready': CloneSign & { readonly ms: number }
  /** A clone was not ready in time, and was killed, or ended before it was. */
  'qclone:unready': CloneSign & { readonly ms: number; readonly status: WaitStatus }
  /** A clone has told what came of its function; milliseconds since it was ready. */
  'qclone:answered': CloneSign & { readonly ms: number; readonly failed: boolean }
  /** A client was turned away, or its connection closed, for what it sent: it does not keep to its protocol. */
  'qclone:client': { readonly reason: string; readonly remoteAddress: string | undefined }
  /**
  A clone has ended. What it had told may be read, and published, after this. `copiedBytes`: memory that it copied or
  took, by its page faults without I/O.
  */
  'qclone:reaped': CloneSign & {
    readonly ms: number
    readonly status: WaitStatus
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
  'qclone:reaped',
] as const satisfies ReadonlyArray<keyof Signs>

const channels = Object.fromEntries(NAMES.map((name) => [name, channel(name)]))
const debug = debuglog('qclone')

/** Whether somebody has subscribed to a channel. */
export function isHeard(name: keyof Signs): boolean {
  return channels[name]?.hasSubscribers === true
}

/** Publishes a sign of life, and prints it with `NODE_DEBUG=qclone`. */
export function sign<N extends keyof Signs>(name: N, message: Signs[N]): void {
  if (debug.enabled) debug('%s %o', name, message)
  const published = channels[name]
  if (published?.hasSubscribers) published.publish(message)
}
