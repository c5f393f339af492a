import { type Expectations, expectCount } from './validate.js'

/** Options of {@link createPool}. */
export interface PoolOptions {
  /**
  Maximum number of live clones of this pool. Beyond it, `run`, `stream` and `resident` wait for their turn, in order,
  and `spawn` throws `ERR_QCLONE_QUEUE_FULL`.

  @default 64
  */
  readonly maxClones?: number

  /**
  Maximum number of calls waiting in this pool. Beyond it, calls reject with `ERR_QCLONE_QUEUE_FULL`.

  @default Infinity
  */
  readonly maxQueue?: number
}

export const EXPECT_OF_POOL: Expectations<PoolOptions> = {
  maxClones: (value, name) => expectCount(value, name, 1),
  maxQueue: (value, name) => expectCount(value, name, 0),
}

export const DEFAULTS_OF_POOL: Required<PoolOptions> = { maxClones: 64, maxQueue: Infinity }
