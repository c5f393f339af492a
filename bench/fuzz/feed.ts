import { QcloneError } from 'node-qclone'
import type { Conversation, Message } from '#dist/codecs/codec.js'
import { type Outcome, outcomeOf } from './outcome.js'
import type { Random } from './random.js'
import type { Sample, Subject } from './subject.js'

/** One conversation in so many is had again, with the bytes cut otherwise. */
const AGAIN_ONE_IN = 8
const MOST_CUTS = 6
/** What is short may come byte by byte. */
const SHORT_BYTES = 64

/** How a sample was received. */
export interface Reception {
  messages: number
  /** Whether a ProtocolError came of it. */
  isRefused: boolean
}

/** Feeds a sample to a conversation. @throws {Error} when that does what it should not. */
export function feed(subject: Subject, sample: Sample, random: Random): Reception {
  const outcome = outcomeOf(subject.open(), cut(random, sample.bytes))
  if (sample.isValid && (outcome.error !== undefined || outcome.messages.length !== 1)) {
    throw new Error(`a message as it should be gave ${outcome.messages.length}: ${outcome.error}`)
  }
  if (random.oneIn(AGAIN_ONE_IN)) {
    compare(outcome, outcomeOf(subject.open(), [sample.bytes]))
    for (const message of outcome.messages) answer(subject.open(), message)
  }
  return { messages: outcome.messages.length, isRefused: outcome.error !== undefined }
}

/** The same bytes, in chunks. */
function cut(random: Random, bytes: Buffer): readonly Buffer[] {
  const way = random.below(4)
  if (way < 2) return [bytes]
  if (way === 2 && bytes.length <= SHORT_BYTES) return Array.from(bytes, (_, i) => bytes.subarray(i, i + 1))
  const cuts = Array.from({ length: 1 + random.below(MOST_CUTS) }, () => random.below(bytes.length + 1))
  cuts.sort((a, b) => a - b)
  return [...cuts, bytes.length].map((end, i) => bytes.subarray(cuts[i - 1] ?? 0, end))
}

function compare(a: Outcome, b: Outcome): void {
  const same = a.error === b.error && a.messages.length === b.messages.length
  if (!same || a.messages.some(({ kind }, i) => kind !== b.messages[i]?.kind)) {
    throw new Error(
      `cut otherwise it gave ${b.messages.length} messages, ${b.error}, not ${a.messages.length}, ${a.error}`,
    )
  }
}

/** Sends back what came: whatever can be received can be sent, or is refused as it should be. */
function answer(conversation: Conversation, message: Message): void {
  if (message.kind !== 'query') return
  try {
    conversation.reply(message, message.value)
  } catch (error) {
    if (!(error instanceof QcloneError) || error.code !== 'ERR_QCLONE_UNSERIALIZABLE') throw error
  }
  conversation.fail(message, message.value)
}
