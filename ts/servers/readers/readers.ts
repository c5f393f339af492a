import type { EventEmitter } from 'node:events'

/** Events of {@link Readers}. */
export interface ReadersEvents {
  /** A generation has begun to serve. */
  generation: [generation: number]
  /** A generation could not be made, so the previous one keeps serving. */
  deferred: [error: Error]
}

/** Readers of a server, from {@link cloneReaders}. */
export interface Readers extends EventEmitter<ReadersEvents>, AsyncDisposable {
  /** Promise of the first generation. Until then, the parent serves. Rejects if none can be made. */
  readonly ready: Promise<void>
  /** Number of the serving generation, from 1; 0 before the first. */
  readonly generation: number
  /**
  Makes a generation now.

  @returns a promise of its number, once it serves. Rejects if the next five attempts fail, or the readers are closed.
  */
  refresh(): Promise<number>
  /**
  Calls `f` in the parent, and waits until readers see its changes.

  @returns a promise of the value of `f`.
  */
  update<T>(f: () => T | PromiseLike<T>): Promise<T>
  /** Returns counts and the state of each reader. */
  stats(): ReadersStats
  /** Gives the server back to the parent, and ends the readers once their clients have their answers. */
  close(options?: CloseOptions): Promise<void>
}

/** Options of {@link Readers.close}. */
export interface CloseOptions {
  /**
  Maximum time in milliseconds for the readers to finish. After that they are killed, and their connections are reset.

  @default the option `drainTimeout`
  */
  readonly drain?: number
}

/** State of {@link Readers}. */
export interface ReadersStats {
  /** Number of the serving generation. */
  readonly generation: number
  /** Age of its snapshot in milliseconds: the staleness of an answer that begins now. */
  readonly age: number
  /** Generations made so far. */
  readonly swaps: number
  /** Milliseconds from the fork of the last generation until it served. */
  readonly swapMs: number
  /** Generations, and single readers of a generation, that could not be made. */
  readonly deferred: number
  /** Readers made in place of others that had ended or had to be replaced. */
  readonly respawns: number
  /** Requests and updates that were forwarded to the parent. */
  readonly forwarded: number
  /** Connections that wait for a reader. */
  readonly waiting: number
  /** With `perConnection`, idle connections, which have no reader until their client sends a request. */
  readonly resting: number
  /** Connections closed because too many waited for a reader, or the parent could open no descriptor for them. */
  readonly lost: number
  /** Live readers, including draining ones. */
  readonly readers: readonly ReaderStats[]
}

/** State of one reader. */
export interface ReaderStats {
  /** Process id, for {@link memoryOf}. */
  readonly pid: number
  /** Generation. */
  readonly generation: number
  /** Whether the reader has been replaced, and ends once its clients have their answers. */
  readonly draining: boolean
  /** Connections it has. */
  readonly connections: number
  /** Requests and queries it has begun. */
  readonly requests: number
  /** Recent utilization of its event loop, from 0 to 1. */
  readonly busy: number
}
