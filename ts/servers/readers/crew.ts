import { QcloneError } from '../../types/errors.js'
import type { WaitStatus } from '../../types/wait-status.js'
import type { Whereabouts } from './note.js'
import type { Owner, Reader, Waiting } from './reader.js'
import type { ReadersStats } from './readers.js'

/** What the readers of a server need from it. */
export interface Server {
  /** Makes a reader of this generation. */
  recruit(owner: Owner, generation: number): Promise<Reader>
  /** Whether it no longer listens. */
  isGone(): boolean
  /** Called when it no longer listens: readers are of no use then. */
  gone(): void
  /** Serves a connection in the parent. */
  serveHere(waiting: Waiting): void
  /** Handles a forwarded request in the parent. Calls `over` at its end. */
  serveForwarded(fd: number, whereabouts: Whereabouts, over: () => void): void
  /** Handles an update in the parent. */
  update(update: unknown): void
  /** Tells of a generation that has begun to serve. */
  begun(generation: number): void
  /** Tells of a reader that has ended before it was told to. */
  died(message: string, status: WaitStatus | undefined): void
  /** Tells that a generation could not be made. */
  deferred(error: Error): void
}

/** Counts of {@link ReadersStats}, kept as they change. */
export type Counts = {
  -readonly [K in 'swaps' | 'deferred' | 'respawns' | 'lost' | 'forwarded' | 'swapMs']: ReadersStats[K]
}

/** Those who serve the connections of a server: generations of readers, or a reader for each connection. */
export interface Crew extends Owner {
  /** Number of the newest snapshot that serves; 0 before the first. */
  readonly generation: number
  /** Age in milliseconds of the snapshot that readers answer from. */
  readonly age: number
  /** Connections that wait for a reader. */
  readonly waiting: number
  /** Connections that need no reader until their client asks. */
  readonly resting: number
  /** Connections that readers have, or that wait for one. */
  readonly load: number
  readonly counts: Readonly<Counts>
  /** Live readers, those that drain last. */
  readonly readers: readonly Reader[]
  /** Whether connections go to readers, now or as soon as there is one again. */
  readonly isServing: boolean
  /** Begins to serve, and waits until connections go to readers. */
  begin(): Promise<void>
  /** Has all answers come from a snapshot after this call. @returns its number. */
  refresh(): Promise<number>
  /** Waits until all answers come from a snapshot after this call. @returns its number. */
  next(): Promise<number>
  /** Notes that something that readers should see has changed in the parent, whatever `version` says. */
  noteChange(): void
  /** Sends a connection to a reader, or keeps it until one has room. */
  dispatch(waiting: Waiting): void
  /** Ends all readers, each once its clients have what they wait for. Connections that rest go to the parent. */
  close(drainMs: number): Promise<void>
}

export const closed = () => new QcloneError('ERR_QCLONE_ABORTED', 'the readers were closed')
