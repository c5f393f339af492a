import type { Act } from './ask.js'
import { COLLECT_BYTES, HASTY } from './doors.js'
import { isPrefix, isSame, isSamePart, type Outcome } from './judge.js'
import type { Part } from './reader.js'
import type { Script } from './script.js'
import { DIED, LEFT } from './wanted.js'

/** What a difference from plain Node is explained by. */
export interface DifferenceKind {
  readonly name: string
  readonly sentence: string
  /** Whether what clones did differs from what plain Node did for this reason alone. */
  explains(script: Script, cloned: Outcome, plain: Outcome): boolean
}

/** Of a plain server whose handlers take their time, what a clone did is the same. */
export const LATE_KIND = 'late'

export const DIFFERENCE_KINDS: readonly DifferenceKind[] = [
  {
    name: LATE_KIND,
    sentence: 'Plain Node does the same when its handlers take their time, as clones do.',
    explains: () => false,
  },
  {
    name: 'closes',
    sentence:
      'The response of a clone says `Connection: close` and ends the connection, over TLS and when the body was still arriving at the fork.',
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
    sentence: 'A client that resets its connection has got what was answered by then.',
    explains: (_script, cloned, plain) =>
      (cloned.end === 'left' || plain.end === 'left') && isEitherPrefix(cloned, plain),
  },
  {
    name: 'early end',
    sentence:
      'A client that ends its side, or sends what is no request, before it was answered gets what was answered by then.',
    explains: (script, cloned, plain) =>
      (script.endsEarly ||
        (isHttp(script) && (script.ending === 'garbage' || script.isOdd || script.goesOn))) &&
      isOver(cloned) &&
      isEitherPrefix(answersIn(script, cloned), answersIn(script, plain)),
  },
  {
    name: 'broken off',
    sentence: 'When a connection is reset, what is on its way may be lost.',
    explains: (script, cloned, plain) =>
      isOver(cloned) &&
      isOver(plain) &&
      // Over TLS nothing tells that an end is no reset.
      (script.door.tls === true || cloned.end !== 'ended' || plain.end !== 'ended') &&
      isBrokenOff(script, Math.min(cloned.parts.length, plain.parts.length)) &&
      isEitherPrefix(cloned, plain),
  },
  {
    name: 'unread',
    sentence:
      'A connection of HTTP that closes behind an answer may do so by a reset, which may cut that answer, when not all that the client sent had been read.',
    explains: (script, cloned, plain) =>
      isHttp(script) &&
      isOver(cloned) &&
      isOver(plain) &&
      ((isPrefix(cloned, plain) && isPrefix(plain, cloned)) ||
        (isCutWhereItCloses(plain, cloned) && isEitherPrefix(cloned, plain))),
  },
  {
    name: 'timeout',
    sentence: 'While a request waits for its clone, the time of one behind it that has begun runs on.',
    explains: (script, cloned, plain) =>
      script.door.hasty === true &&
      cloned.ms > HASTY.headersTimeout &&
      cloned.end !== 'hung' &&
      isEitherPrefix(answersIn(script, cloned), answersIn(script, plain)),
  },
  {
    name: 'paused',
    sentence:
      'Node breaks a TLS connection off when a request arrives in a record of its own while the answers before it fill the connection: its parser is paused then. It depends on the moment.',
    explains: (script, cloned, plain) =>
      script.door.tls === true &&
      isHttp(script) &&
      isOver(cloned) &&
      isOver(plain) &&
      fillsConnection(script, Math.min(cloned.parts.length, plain.parts.length)) &&
      isEitherPrefix(answersIn(script, cloned), answersIn(script, plain)),
  },
]

/** What plain Node cannot do: what the documentation says of a clone that dies. */
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

/** An outcome without process ids. */
export function withoutPids(script: Script, cloned: Outcome): Outcome {
  if (script.kind !== 'queries') return cloned
  return {
    ...cloned,
    parts: cloned.parts.map((part) => (DEATH.test(part.body) ? { ...part, body: DIED } : part)),
  }
}

/** The first kind that explains a difference. */
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
  if (bodyBytes > (door.collect ?? COLLECT_BYTES)) return true
  if (bodyBytes === 0) return false
  // Here the parent does not wait for the body.
  if (expects && door.asksFirst === true) return true
  return kind === 'offload' && (READING.includes(ask.act) || DYING.includes(ask.act))
}

const READING: readonly Act[] = ['echo', 'pipe', 'early']
const DYING: readonly Act[] = ['throw', 'reject', 'die', 'die-later', 'die-within', 'exit']

/** Whether a message is to break its connection off that was not before the last of so many answers. */
function isBrokenOff({ door, sent, ending }: Script, answers: number): boolean {
  if (door.speaks !== undefined) {
    return ending === 'garbage' || sent.some(({ ask }) => BREAKING_TALK.includes(ask.act))
  }
  return sent.some(({ ask, expects }, i) => {
    // A clone that has told its client to go on has sent something.
    const breaks = BREAKING.includes(ask.act) || (expects && door.asksFirst && DYING.includes(ask.act))
    return breaks && i >= answers - 1
  })
}

const BREAKING: readonly Act[] = ['die-within', 'destroy', 'destroy-within']
const BREAKING_TALK: readonly Act[] = ['die', 'throw', 'exit', 'destroy', 'close']

/** Whether the first answers, and the one after them, are more than Node takes for a connection before it waits. */
function fillsConnection({ sent }: Script, answers: number): boolean {
  const bytes = sent.slice(0, answers + 1).map(({ ask, bodyBytes }) => Math.max(ask.size, bodyBytes))
  return sent.length > 1 && bytes.reduce((sum, count) => sum + count, 0) >= HIGH_WATER_BYTES
}

const HIGH_WATER_BYTES = 1 << 14

function closes({ head }: Part): boolean {
  return /^connection: close\r$/im.test(head)
}

function withoutConnection(part: Part): Part {
  return { ...part, head: part.head.replace(/^(connection|keep-alive): .*\r\n/gim, '') }
}

/** Without Node's answer to what is no request. */
function withoutRefusal(outcome: Outcome): Outcome {
  const last = outcome.parts.at(-1)
  const isRefusal = last !== undefined && REFUSALS.includes(last.status) && !last.head.includes('x-token')
  return isRefusal ? { ...outcome, parts: outcome.parts.slice(0, -1) } : outcome
}

const REFUSALS = [400, 408, 413, 431]

/** What was answered. Where a clone may end a connection, it is not told from others by that it says so. */
function answersIn(script: Script, outcome: Outcome): Outcome {
  const answered = withoutRefusal(outcome)
  const parts = answered.parts.map((part, i) => (mayClose(script, i) ? withoutConnection(part) : part))
  return { ...answered, parts }
}

/** Whether the answer that one outcome has less of than the other is one that closes. */
function isCutWhereItCloses(one: Outcome, other: Outcome): boolean {
  const isCut = ({ parts, end }: Outcome, { parts: of }: Outcome) => {
    const at = parts.at(-1)?.isWhole === false ? parts.length - 1 : parts.length
    const part = of[at] ?? parts[at]
    return end !== 'ended' && part !== undefined && closes(part)
  }
  return isCut(one, other) || isCut(other, one)
}

function isEitherPrefix(one: Outcome, other: Outcome): boolean {
  return isPrefix(one, other) || isPrefix(other, one)
}
