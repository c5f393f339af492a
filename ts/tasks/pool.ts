import type { CloneOptions, DetachableOptions, RunOptions } from '../options/clone-options.js'
import { DEFAULTS_OF_POOL, EXPECT_OF_POOL, type PoolOptions } from '../options/pool-options.js'
import { expectEach, withDefaults } from '../options/validate.js'
import { Places } from '../parent/admission.js'
import { type Cloned, clonedBy } from './cloned.js'
import { type Resident, residentIn } from './resident.js'
import { type Run, runIn } from './run.js'
import { type Spawn, spawnIn } from './spawn.js'
import { type Stream, streamIn } from './stream.js'
import type { WithOptions } from './with-options.js'

/** Task functions with their own places and queue. */
export interface Pool {
  /** {@link run} in this pool. */
  readonly run: WithOptions<RunOptions, Run>
  /** {@link spawn} in this pool. */
  readonly spawn: WithOptions<DetachableOptions, Spawn>
  /** {@link stream} in this pool. */
  readonly stream: WithOptions<CloneOptions, Stream>
  /** {@link resident} in this pool. */
  readonly resident: WithOptions<DetachableOptions, Resident>
  /** {@link cloned} in this pool. */
  readonly cloned: Cloned
}

/**
Creates a pool: the same task functions with their own places and queue, so one kind of task cannot keep another
waiting. The module's functions are the default pool; `configure` sets its size.

`clones()`, `stopAll()`, the handlers and the check for memory include the clones of every pool.

@throws {TypeError} or {@link RangeError} if an option is unknown or invalid.

@example
```js
import { createPool } from 'node-qclone'

const reports = createPool({ maxClones: 2, maxQueue: 10 })
console.log(await reports.run((month) => `report of ${month}`, '2026-01'))
```
*/
export function createPool(options: PoolOptions = {}): Pool {
  expectEach(options, EXPECT_OF_POOL)
  const bounds = withDefaults(options, DEFAULTS_OF_POOL)
  const places = new Places(() => bounds, 'createPool')
  const run = runIn(places)
  return Object.freeze({
    run,
    spawn: spawnIn(places),
    stream: streamIn(places),
    resident: residentIn(places),
    cloned: clonedBy(run),
  })
}
