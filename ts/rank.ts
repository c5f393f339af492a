import { getPriority } from 'node:os'
import { type EventType, isServing } from './children.js'
import type { DetachableOptions, ServingOptions } from './options.js'

/**
By how much less a clone is entitled to than its parent, as nice(1) counts: some 3 % of a processor that both want. With
10, some 10 %, a parent that makes one clone after another waits 1.7 times as long for those that it has. With 19, 1.5 %,
it waits hardly less than with this, and clones get hardly anything beside others at work.
*/
const NICENESS_ABOVE_PARENT = 15
const HIGHEST_NICENESS = 19

/**
The highest there is: when memory runs out, the system ends clones before anything else. A clone counts what it shares
with its parent as its own, so a lower one might not set the two apart once the parent has grown.
*/
const OOM_SCORE_ADJ = 1000

/** What the system is to bound a clone by, and how it is to rank it. */
export function boundsOf(event: EventType, options: DetachableOptions & ServingOptions) {
  const { priority, affinity, limits, detached, ignoreSignals = true } = options
  const isIdle = priority === 'idle'
  const niceness = priority ?? Math.min(getPriority() + NICENESS_ABOVE_PARENT, HIGHEST_NICENESS)
  return {
    idle: isIdle,
    heedsParentOnly: isServing(event) && ignoreSignals,
    // A detached one has a life of its own.
    givesWay: priority === undefined && !detached,
    oomScoreAdj: OOM_SCORE_ADJ,
    ...(!isIdle && { niceness: niceness as number }),
    ...(affinity && { affinity: [...affinity] }),
    ...(limits && { limits }),
  }
}
