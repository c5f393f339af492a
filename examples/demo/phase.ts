import { setTimeout as sleep } from 'node:timers/promises'

import { type Clone, handlers } from 'node-qclone'
import type { Feed, FeedStats } from '../lib/feed.js'
import type { FlightTable } from '../lib/table.js'
import type { Ask, Reply } from './ask.js'
import { type Spread, spread } from './measure.js'

/** Pause between an answer and the next query, which gives the updates a turn when queries run in process. */
const THINK_MS = 200

export interface PhaseReply extends Reply {
  /** Version of the table when the replying clone was forked. */
  forkedAt?: number | undefined
}

export interface PhaseResult extends FeedStats {
  queryMs: Spread
  /** Updates applied while a query was running, over all queries. */
  updatesDuringQueries: number
  rssBytes: number
  clones?: CloneCosts
  replies: PhaseReply[]
}

export interface CloneCosts {
  forkMs: Spread
  /** Time for which the parent is blocked: the fork, with the checks around it. */
  pauseMs: Spread
  ussBytes: Spread
  pssBytes: Spread
}

export interface PhaseOptions {
  table: FlightTable
  feed: Feed
  seconds: number
  /** Default: no queries. */
  ask?: Ask
  parallel?: number
}

/** Runs the feed for `seconds`, while `parallel` clients send a query, pause, and repeat. */
export async function runPhase({
  table,
  feed,
  seconds,
  ask,
  parallel = 1,
}: PhaseOptions): Promise<PhaseResult> {
  const forks: Fork[] = []
  const unshim = handlers.newClone.shim((prev, clone, kind) => {
    forks.push({ clone, version: table.version })
    prev(clone, kind)
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
