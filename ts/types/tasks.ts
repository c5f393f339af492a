import type { StandardStreams } from './clone.js'

/** Values that a function yields one by one. */
export type Source<T> = AsyncIterable<T> | Iterable<T>

/** Iterator of the values of a clone's function, with the parent's ends of the standard streams that are pipes. */
export interface Streaming<T> extends AsyncIterableIterator<T, void, undefined>, StandardStreams {
  /** Ends the clone: its generator returns, and the clone is killed if that takes longer than `forceKillAfterDelay`. */
  return(): Promise<IteratorResult<T, void>>
  /** Calls {@link Streaming.return}. */
  [Symbol.asyncDispose](): Promise<void>
}
