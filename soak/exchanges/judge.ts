import type { Transcript } from './play.js'
import type { Part } from './reader.js'
import type { Script } from './script.js'
import { foreignIn, indexesIn, TOKEN_CHARACTERS, unplayed } from './token.js'

/** Finds data of another client or message in a transcript, without comparing it to other servers. */
export function foreignInTranscript(script: Script, { parts }: Transcript): string | undefined {
  for (const [index, part] of parts.entries()) {
    const foreign = [part.head, part.body]
      .map((text) => foreignIn(text, script.owner, script.isOdd))
      .find((mark) => mark !== undefined)
    if (foreign !== undefined) return `answer ${index} has ${foreign}`
    if (script.isOdd || script.door.speaks !== undefined) continue
    const indexes = new Set([...indexesIn(part.head), ...indexesIn(part.body)])
    indexes.delete(index)
    const [other] = indexes
    if (other !== undefined) return `answer ${index} has marks of message ${other}`
  }
  return undefined
}

/** Transcript, prepared for comparison. */
export interface Outcome {
  readonly parts: readonly Part[]
  readonly end: Transcript['end']
  /** Duration of the play. */
  readonly ms: number
}

export function outcomeOf(script: Script, transcript: Transcript): Outcome {
  const { parts, end, ms } = transcript
  return {
    parts: parts.map((part) => ({
      ...part,
      head: unplayed(part.head, script.owner),
      body: unplayed(part.body, script.owner),
    })),
    end,
    ms,
  }
}

export function isSame(a: Outcome, b: Outcome): boolean {
  return isSameEnd(a.end, b.end) && a.parts.length === b.parts.length && isPrefix(a, b)
}

function isSameEnd(a: Transcript['end'], b: Transcript['end']): boolean {
  const ends = [a, b]
  return a === b || (ends.includes('over') && !ends.includes('left') && !ends.includes('hung'))
}

/** Whether the parts of the first are a prefix of the second's; the last part may be cut. */
export function isPrefix({ parts }: Outcome, { parts: of }: Outcome): boolean {
  return parts.every((part, i) => {
    const other = of[i]
    if (!other) return false
    return isSamePart(part, other) || (i === parts.length - 1 && isBeginningOf(part, other))
  })
}

export function isSamePart(a: Part, b: Part): boolean {
  return a.head === b.head && a.body === b.body && a.isWhole === b.isWhole
}

function isBeginningOf(part: Part, of: Part): boolean {
  if (part.isWhole) return false
  if (part.status === 0 && of.status !== 0) return `${of.head}\r\n`.startsWith(part.head + part.body)
  // A cut token still names its play.
  return part.head === of.head && of.body.startsWith(part.body.slice(0, -TOKEN_CHARACTERS))
}
