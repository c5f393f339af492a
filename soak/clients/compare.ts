import type { Facts, Seen } from '../../harness/clients/seen.js'
import type { Side } from './side.js'

/** Fact that differs from what was expected. */
export interface Difference {
  readonly fact: string
  readonly expected: string
  readonly got: string
}

/** Result of one case. */
export interface Verdict {
  readonly what: string
  /**
  - `closes`: the only difference is that the clone closes its connection, which is allowed.
  - `known`: the difference has a documented reason.
  */
  readonly verdict: 'same' | 'closes' | 'known' | 'different'
  readonly differences: readonly Difference[]
}

/**
A clone answers later than a handler that answers immediately. If the client ends or sends garbage in the meantime,
the request is still unanswered and Node drops it, as it does with any handler that takes its time.
*/
const KNOWN = /, answered at once$/
const ABSENT = '(none)'
/** Error codes when a client leaves before it has a clone. */
const OF_GONE = ['ERR_QCLONE_ABORTED', 'ERR_QCLONE_HANDLE_UNAVAILABLE']
/** Facts that differ when a connection is closed. */
const OF_CONNECTION = /^(\d+: )?(connects|end)$/
const OF_HEAD = /^(\d+: )?head$/

/**
Compares case by case. A case that goes wrong on the first side cannot serve as a reference, and counts as different.
*/
export function compareSides(first: Side, second: Side, clones: boolean): Verdict[] {
  const others = new Map(second.seen.map((seen) => [seen.what, seen]))
  const verdicts = first.seen.map((seen) => compareCase(seen, others.get(seen.what), clones))
  return clones ? [...verdicts, countClones(second)] : verdicts
}

function compareCase(first: Seen, second: Seen | undefined, clones: boolean): Verdict {
  const differences = [
    ...unmet(first, 'without clones'),
    ...(second ? unmet(second, 'second') : []),
    ...differ(first.facts, second?.facts ?? {}),
  ]
  const left = first.mayClose ? unlessClosed(differences) : differences
  return { what: first.what, verdict: verdictOn(), differences: left }

  function verdictOn(): Verdict['verdict'] {
    if (left.length > 0) return clones && KNOWN.test(first.what) ? 'known' : 'different'
    return differences.length > 0 ? 'closes' : 'same'
  }
}

function unmet({ expected, facts }: Seen, side: string): Difference[] {
  return Object.entries(expected)
    .filter(([fact, must]) => facts[fact] !== must)
    .map(([fact, must]) => ({ fact: `${fact}, ${side}`, expected: must, got: inWords(facts, fact) }))
}

function differ(first: Facts, second: Facts): Difference[] {
  const facts = new Set([...Object.keys(first), ...Object.keys(second)])
  return [...facts]
    .map((fact) => ({ fact, expected: first[fact] ?? ABSENT, got: second[fact] ?? ABSENT }))
    .filter(({ expected, got }) => expected !== got)
}

/** Value of a fact, or the reason there is none. */
function inWords(facts: Facts, fact: string): string {
  return facts[fact] ?? facts.failure ?? ABSENT
}

/** Returns the remaining differences if a head of the second side announces that its connection closes. */
function unlessClosed(differences: readonly Difference[]): readonly Difference[] {
  const heads = differences.filter(
    ({ fact, expected, got }) => OF_HEAD.test(fact) && closes(got) && !closes(expected),
  )
  if (heads.length === 0) return differences
  return differences.filter(({ fact, expected, got }) => {
    if (OF_CONNECTION.test(fact)) return false
    return !OF_HEAD.test(fact) || withoutConnection(expected) !== withoutConnection(got)
  })
}

function closes(head: string): boolean {
  return /^connection: close\r?$/im.test(head)
}

function withoutConnection(head: string): string {
  return head.replace(/^(connection|keep-alive): .*\r?\n?/gim, '').trimEnd()
}

/** Checks that each request was answered by its own clone. */
function countClones({ seen, tally }: Side): Verdict {
  const requests = seen.reduce((sum, { requests }) => sum + requests, 0)
  const differences: Difference[] = []
  if (tally.clones < requests) {
    differences.push({ fact: 'clones', expected: `${requests} or more`, got: `${tally.clones}` })
  }
  const refused = Object.keys(tally.refused).filter((code) => !OF_GONE.includes(code))
  if (refused.length > 0) differences.push({ fact: 'refused', expected: '', got: refused.join() })
  return {
    what: 'a clone for each request',
    verdict: differences.length > 0 ? 'different' : 'same',
    differences,
  }
}
