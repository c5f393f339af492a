import { setTimeout as sleep } from 'node:timers/promises'

import { type Clone, handlers } from 'node-qclone'
import type { Feed, FeedStats } from '../lib/feed.js'
import type { FlightTable } from '../lib/table.js'
import type { Ask, Reply } from './ask.js'
import { type Spread, spread } from './measure.js'

/** Between an answer and the next question, so that in process, too, the updates get their turn. */
const THINK_MS = 200

export interface PhaseReply extends Reply {
  /** The table's version when the clone that replied was forked. */
  forkedAt?: number | undefined
}

export interface PhaseResult extends FeedStats {
  queryMs: Spread
  /** Updates applied between a question and its answer, over all questions. */
  updatesDuringQueries: number
  rssBytes: number
  clones?: CloneCosts
  replies: PhaseReply[]
}

export interface CloneCosts {
  forkMs: Spread
  /** The fork with all that is done around it: how long the parent stands still for a clone. */
  pauseMs: Spread
  ussBytes: Spread
  pssBytes: Spread
}

export interface PhaseOptions {
  table: FlightTable
  feed: Feed
  seconds: number
  /** Without it nothing is asked. */
  ask?: Ask
  parallel?: number
}

/** Runs the feed for `seconds` while `parallel` clients ask, think, and ask again. */
export async function runPhase({
  table,
  feed,
  seconds,
  ask,
  parallel = 1,
}: PhaseOptions): Promise<PhaseResult> {
  const forks: Fork[] = []
  const unshim = handlers.newClone.shim((prev, clone, event) => {
    forks.push({ clone, version: table.version })
    prev(clone, event)
  })

  const replies: Reply[] = []
  const queryMs: number[] = []
  let updatesDuringQueries = 0
  let stats: FeedStats
  feed.start()
  const end = performance.now() + seconds * 1000
  const client = async (question: Ask): Promise<void> => {
    while (performance.now() < end) {
      const askedAt = performance.now()
      const askedVersion = table.version
      replies.push(await question(table))
      queryMs.push(performance.now() - askedAt)
      updatesDuringQueries += table.version - askedVersion
      await sleep(THINK_MS)
    }
  }
  try {
    if (ask === undefined) await sleep(seconds * 1000)
    else await Promise.all(Array.from({ length: parallel }, () => client(ask)))
  } finally {
    stats = feed.stop()
    unshim()
  }

  const versions = new Map(forks.map(({ clone, version }) => [clone.pid, version]))
  return {
    ...stats,
    queryMs: spread(queryMs),
    updatesDuringQueries,
    rssBytes: process.memoryUsage.rss(),
    ...(forks.length > 0 && { clones: costsOf(forks, replies) }),
    replies: replies.map((reply) => ({ ...reply, forkedAt: versions.get(reply.pid) })),
  }
}

interface Fork {
  clone: Clone
  version: number
}

function costsOf(forks: readonly Fork[], replies: readonly Reply[]): CloneCosts {
  const memory = replies.flatMap((reply) => reply.memory ?? [])
  return {
    forkMs: spread(forks.map(({ clone }) => clone.timings.forkMs)),
    pauseMs: spread(forks.map(({ clone }) => clone.timings.totalMs)),
    ussBytes: spread(memory.map(({ uss }) => uss)),
    pssBytes: spread(memory.map(({ pss }) => pss)),
  }
}
