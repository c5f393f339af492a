import { getPriority } from 'node:os'
import type { DetachableOptions, ServingOptions } from '../options/clone-options.js'
import { type CloneKind, isServing } from '../types/clone.js'

/**
Niceness that a clone adds to its parent's. Next to a busy parent, the clone gets about 3 % of a CPU. With 10 (10 %), a
parent that makes one clone after another waits 1.7 times as long for a CPU. With 19 (1.5 %), it waits hardly less than
with 15, and clones get hardly any CPU time next to other busy processes.
*/
const NICENESS_ABOVE_PARENT = 15
const HIGHEST_NICENESS = 19

/**
Highest score, so the OOM killer kills clones before anything else. It counts shared memory for both the clone and the
parent, so with a lower score the two might not differ once the parent has grown.
*/
const OOM_SCORE_ADJ = 1000

/** Returns the limits and priority of a clone, for the native fork. */
export function boundsOf(kind: CloneKind, options: DetachableOptions & ServingOptions) {
  const { priority, affinity, limits, detached, ignoreSignals = true } = options
  const isIdle = priority === 'idle'
  const niceness = priority ?? Math.min(getPriority() + NICENESS_ABOVE_PARENT, HIGHEST_NICENESS)
  return {
    idle: isIdle,
    heedsParentOnly: isServing(kind) && ignoreSignals,
    // A detached clone is independent of its parent.
    givesWay: priority === undefined && !detached,
    oomScoreAdj: OOM_SCORE_ADJ,
    ...(!isIdle && { niceness: niceness as number }),
    ...(affinity && { affinity: [...affinity] }),
    ...(limits && { limits }),
  }
}
