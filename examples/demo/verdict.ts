import { isDeepStrictEqual } from 'node:util'

import type { Reply } from './ask.js'
import type { PhaseReply, PhaseResult } from './phase.js'

export interface Verdict {
  ok: boolean
  answersEqual: boolean
  /** Number of replies from clones, and of those with a consistent snapshot of their fork. */
  snapshots: { total: number; consistent: number }
  /** Longest stall of the parent in process, divided by the longest with clones. */
  stallRatio: number
  problems: string[]
}

export interface Evidence {
  inProcess: PhaseResult
  clones: PhaseResult
  /** The same query, answered both ways while nothing changed. */
  quiet: { inProcess: Reply; clone: Reply }
}

export function judge({ inProcess, clones, quiet }: Evidence): Verdict {
  const differences = [
    ...differing(quiet),
    ...drifting([...inProcess.replies, ...clones.replies], quiet.inProcess),
  ]
  if (inProcess.replies.length === 0 || clones.replies.length === 0) differences.push('no query was answered')

  const snapshots = [...clones.replies, quiet.clone].map(inconsistencies)
  const own = [...inProcess.replies, quiet.inProcess].map(inconsistencies)
  const problems = [...differences, ...unannounced(clones.replies), ...snapshots.flat(), ...own.flat()]
  return {
    ok: problems.length === 0,
    answersEqual: differences.length === 0,
    snapshots: {
      total: snapshots.length,
      consistent: snapshots.filter((found) => found.length === 0).length,
    },
    stallRatio: inProcess.longestStallMs / clones.longestStallMs,
    problems,
  }
}

function differing({ inProcess, clone }: Evidence['quiet']): string[] {
  if (isDeepStrictEqual(clone.answer, inProcess.answer)) return []
  return [
    `with the updates paused at version ${inProcess.answer.version}, the two ways gave different answers`,
  ]
}

/** While updates run, each reply sees another version, so this compares only data that updates do not change. */
function drifting(replies: readonly Reply[], { answer: expected }: Reply): string[] {
  return replies
    .filter(({ answer }) => !isDeepStrictEqual(answer.busiestHours, expected.busiestHours))
    .map(
      ({ answer }) =>
        `at version ${answer.version}, the busiest hours differ, although no update changes them`,
    )
}

function unannounced(replies: readonly PhaseReply[]): string[] {
  return replies
    .filter(({ forkedAt }) => forkedAt === undefined)
    .map(({ pid }) => `clone ${pid} replied, but newClone was not called for it`)
}

function inconsistencies({ answer, pid, forkedAt }: PhaseReply): string[] {
  const found = answer.inconsistencies.map((what) => `at version ${answer.version}, ${what}`)
  if (forkedAt !== undefined && forkedAt !== answer.version) {
    found.push(`clone ${pid} was forked at version ${forkedAt} and saw version ${answer.version}`)
  }
  return found
}
