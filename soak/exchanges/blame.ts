import { Pair } from './drive.js'
import { type FaultKind, keyOf, Tally } from './tally.js'

const MOST_SUSPECTS = 60
const PLAYS = 2

/** Plays scripts one after another to servers without other clients, and counts the faults of each script. */
async function replay(
  ids: readonly string[],
  plays: number,
  certificate: { key: Buffer; cert: Buffer },
  countOf: (tally: Tally) => number,
): Promise<Map<string, number>> {
  const tally = new Tally()
  const pair = new Pair(certificate, tally)
  await pair.start()
  const counts = new Map<string, number>()
  for (const id of new Set(ids)) {
    const before = countOf(tally)
    for (let play = 0; play < plays; play++) {
      await pair.one(id)
      // The server has reported everything by then.
      await pair.left()
    }
    counts.set(id, countOf(tally) - before)
  }
  await pair.end()
  return counts
}

/** Finds the scripts that cause a server's fault alone, among those that were running when it happened. */
export async function blame(
  kind: FaultKind,
  what: string,
  suspects: readonly string[],
  certificate: { key: Buffer; cert: Buffer },
): Promise<string[]> {
  const ids = suspects.slice(0, MOST_SUSPECTS)
  const key = keyOf(what)
  const counts = await replay(ids, PLAYS, certificate, ({ faults }) => faults[kind].get(key)?.count ?? 0)
  return [...counts].filter(([, count]) => count > 0).map(([id]) => id)
}

/** Counts how many of `plays` of each script differ from plain Node without a known reason. */
export function repeat(
  ids: readonly string[],
  plays: number,
  certificate: { key: Buffer; cert: Buffer },
): Promise<Map<string, number>> {
  return replay(ids, plays, certificate, ({ unexplainedCount }) => unexplainedCount)
}
