import type { Act } from './ask.js'
import { HASTY, MAX_BUFFERED_BODY } from './doors.js'
import { isPrefix, isSame, isSamePart, type Outcome } from './judge.js'
import type { Part } from './reader.js'
import type { Script } from './script.js'
import { DIED, LEFT } from './wanted.js'

/** Known reason for a difference from plain Node. */
export interface DifferenceKind {
  readonly name: string
  readonly sentence: string
  /** Whether the clones' result differs from plain Node's for this reason alone. */
  explains(script: Script, cloned: Outcome, plain: Outcome): boolean
}

/** Kind of a result that equals the one of a plain server with slow handlers. */
export const LATE_KIND = 'late'

export const DIFFERENCE_KINDS: readonly DifferenceKind[] = [
  {
    name: LATE_KIND,
    sentence: 'Plain Node does the same with handlers that are as slow as clones.',
    explains: () => false,
  },
  {
    name: 'closes',
    sentence:
      'The response of a clone has `Connection: close` and ends the connection, over TLS or when the body was still arriving at the fork.',
    explains: (script, cloned, plain) => {
      const last = cloned.parts.length - 1
      const [part, other] = [cloned.parts[last], plain.parts[last]]
      if (!part || !other || !mayClose(script, last) || cloned.end === 'hung') return false
      if (!closes(part) || closes(other)) return false
      const before = { ...cloned, parts: cloned.parts.slice(0, last) }
      return isPrefix(before, plain) && isSamePart(withoutConnection(part), withoutConnection(other))
    },
  },
  {
    name: 'left',
    sentence: 'A client that resets its connection has received only the answers sent before.',
    explains: (script, cloned, plain) =>
      (cloned.end === 'left' || plain.end === 'left') &&
      isEitherPrefix(answersIn(script, cloned), answersIn(script, plain)),
  },
  {
    name: 'early end',
    sentence:
      'A client that ends its side, or sends an invalid request, before it is answered receives only the answers sent before.',
    explains: (script, cloned, plain) =>
      (script.endsEarly ||
        (isHttp(script) && (script.ending === 'garbage' || script.isOdd || script.goesOn))) &&
      isOver(cloned) &&
      isEitherPrefix(answersIn(script, cloned), answersIn(script, plain)),
  },
  {
    name: 'broken off',
    sentence: 'When a connection is reset, data in transit can be lost.',
    explains: (script, cloned, plain) =>
      isOver(cloned) &&
      isOver(plain) &&
      // Over TLS an end and a reset look the same.
      (script.door.tls === true || cloned.end !== 'ended' || plain.end !== 'ended') &&
      isBrokenOff(script, Math.min(cloned.parts.length, plain.parts.length)) &&
      isEitherPrefix(cloned, plain),
  },
  {
    name: 'unread',
    sentence:
      'An HTTP connection that closes after an answer, or one of a client that is not let in, can be reset if some of the data from the client was not read. That can cut this answer, or an earlier one that the client has not received yet.',
    explains: (script, cloned, plain) =>
      (isHttp(script) || script.isRefused) &&
      isOver(cloned) &&
      isOver(plain) &&
      ((isPrefix(cloned, plain) && isPrefix(plain, cloned)) ||
        (isCutBeforeItCloses(plain, cloned) && isEitherPrefix(cloned, plain))),
  },
  {
    name: 'timeout',
    sentence: 'While a request waits for its clone, the timeout of a next one that has begun keeps running.',
    explains: (script, cloned, plain) =>
      script.door.hasty === true &&
      cloned.ms > HASTY.headersTimeout &&
      cloned.end !== 'hung' &&
      isEitherPrefix(answersIn(script, cloned), answersIn(script, plain)),
  },
  {
    name: 'paused',
    sentence:
      'Node breaks off a TLS connection if a request arrives in a separate record while earlier answers fill the connection, as its parser is paused then. This depends on timing.',
    explains: (script, cloned, plain) =>
      script.door.tls === true &&
      isHttp(script) &&
      isOver(cloned) &&
      isOver(plain) &&
      fillsConnection(script) &&
      isEitherPrefix(answersIn(script, cloned), answersIn(script, plain)),
  },
]

/** Replaces plain Node's result by the documented one of a clone that dies, which plain Node cannot produce. */
export function asDocumented(script: Script, plain: Outcome): Outcome {
  const { speaks } = script.door
  if (speaks !== 'ndjson' && speaks !== 'kdb') return plain
  const isDeath = ({ body }: Part) => body.includes(` ${DIED}`) || body.includes(` ${LEFT}`)
  if (script.kind === 'queries') {
    return { ...plain, parts: plain.parts.map((part) => (isDeath(part) ? { ...part, body: DIED } : part)) }
  }
  const death = plain.parts.findIndex(isDeath)
  if (death === -1) return plain
  const inOrder = plain.parts[death]?.body.includes(LEFT)
  return { ...plain, parts: plain.parts.slice(0, death), end: inOrder ? 'ended' : 'reset' }
}

const DEATH = /clone \d+ (.{1,160}) before its client had the whole answer/

/** Removes process ids from an outcome. */
export function withoutPids(script: Script, cloned: Outcome): Outcome {
  if (script.kind !== 'queries') return cloned
  return {
    ...cloned,
    parts: cloned.parts.map((part) => (DEATH.test(part.body) ? { ...part, body: DIED } : part)),
  }
}

/** Returns the first kind that explains a difference. */
export function explain(script: Script, cloned: Outcome, plains: readonly Outcome[]): string | undefined {
  return DIFFERENCE_KINDS.find(({ explains }) => plains.some((plain) => explains(script, cloned, plain)))
    ?.name
}

export function isAmong(cloned: Outcome, plains: readonly Outcome[]): boolean {
  return plains.some((plain) => isSame(cloned, plain))
}

function isHttp({ door }: Pick<Script, 'door'>): boolean {
  return door.speaks === undefined
}

/** Whether the server ended the connection. */
function isOver({ end }: Outcome): boolean {
  return end === 'ended' || end === 'reset' || end === 'over'
}

/** Whether the clone of a request may end its connection. */
function mayClose({ door, sent, kind }: Script, index: number): boolean {
  const request = sent[index]
  if (!request || door.speaks !== undefined) return false
  if (door.tls) return true
  const { ask, bodyBytes, expects } = request
  if (bodyBytes > (door.maxBufferedBody ?? MAX_BUFFERED_BODY)) return true
  if (bodyBytes === 0) return false
  // The parent does not wait for the body in this case.
  if (expects && door.asksFirst === true) return true
  return kind === 'offload' && (READING.includes(ask.act) || DYING.includes(ask.act))
}

const READING: readonly Act[] = ['echo', 'pipe', 'early']
const DYING: readonly Act[] = ['throw', 'reject', 'die', 'die-later', 'die-within', 'exit']

/** Whether a message aborts its connection, no earlier than at the last of this many answers. */
function isBrokenOff({ door, sent, ending }: Script, answers: number): boolean {
  if (door.speaks !== undefined) {
    return ending === 'garbage' || sent.some(({ ask }) => BREAKING_TALK.includes(ask.act))
  }
  return sent.some(({ ask, expects }, i) => {
    // A clone that has sent `100 Continue` has written its first byte.
    const breaks = BREAKING.includes(ask.act) || (expects && door.asksFirst && DYING.includes(ask.act))
    return breaks && i >= answers - 1
  })
}

const BREAKING: readonly Act[] = ['die-within', 'destroy', 'destroy-within']
const BREAKING_TALK: readonly Act[] = ['die', 'throw', 'exit', 'destroy', 'close']

/** Whether all answers, including queued ones, can exceed the amount at which Node stops reading from a connection. */
function fillsConnection({ sent }: Script): boolean {
  const bytes = sent.map(({ ask, bodyBytes }) => Math.max(ask.size, bodyBytes))
  return sent.length > 1 && bytes.reduce((sum, count) => sum + count, 0) >= HIGH_WATER_BYTES
}

const HIGH_WATER_BYTES = 1 << 14

function closes({ head }: Part): boolean {
  return /^connection: close\r$/im.test(head)
}

function withoutConnection(part: Part): Part {
  return { ...part, head: part.head.replace(/^(connection|keep-alive): .*\r\n/gim, '') }
}

/** Removes Node's answer to an invalid request. */
function withoutRefusal(outcome: Outcome): Outcome {
  const last = outcome.parts.at(-1)
  const isRefusal = last !== undefined && REFUSALS.includes(last.status) && !last.head.includes('x-token')
  return isRefusal ? { ...outcome, parts: outcome.parts.slice(0, -1) } : outcome
}

const REFUSALS = [400, 408, 413, 431]

/** Answers without the `connection` header where a clone may end the connection. */
function answersIn(script: Script, outcome: Outcome): Outcome {
  const answered = withoutRefusal(outcome)
  const parts = answered.parts.map((part, i) => (mayClose(script, i) ? withoutConnection(part) : part))
  return { ...answered, parts }
}

/** Whether the answer that is shorter in one outcome closes the connection, or precedes one that does. */
function isCutBeforeItCloses(one: Outcome, other: Outcome): boolean {
  const isCut = ({ parts, end }: Outcome, { parts: of }: Outcome) => {
    const at = parts.at(-1)?.isWhole === false ? parts.length - 1 : parts.length
    const rest = of.length > at ? of.slice(at) : parts.slice(at)
    return end !== 'ended' && rest.some(closes)
  }
  return isCut(one, other) || isCut(other, one)
}

function isEitherPrefix(one: Outcome, other: Outcome): boolean {
  return isPrefix(one, other) || isPrefix(other, one)
}
