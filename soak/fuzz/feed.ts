import type { Conversation, Message } from 'node-qclone'
import { QcloneError } from 'node-qclone'
import { type Outcome, outcomeOf } from '../../harness/messages/outcome.js'
import type { Sample, Subject } from '../../harness/messages/subject.js'
import type { Random } from '../../harness/random.js'

/** One in this many conversations is repeated with its bytes split differently. */
const AGAIN_ONE_IN = 8
const MOST_CUTS = 6
/** Samples up to this size may arrive byte by byte. */
const SHORT_BYTES = 64

/** Result of receiving a sample. */
export interface Reception {
  messages: number
  /** Whether it caused a ProtocolError. */
  isRefused: boolean
}

/** Feeds a sample to a conversation. @throws {Error} if the conversation misbehaves. */
export function feed(subject: Subject, sample: Sample, random: Random): Reception {
  const outcome = outcomeOf(subject.open(), cut(random, sample.bytes))
  if (sample.isValid && (outcome.error !== undefined || outcome.messages.length !== 1)) {
    throw new Error(`a valid message gave ${outcome.messages.length} messages: ${outcome.error}`)
  }
  if (random.oneIn(AGAIN_ONE_IN)) {
    compare(outcome, outcomeOf(subject.open(), [sample.bytes]))
    for (const message of outcome.messages) answer(subject.open(), message)
  }
  return { messages: outcome.messages.length, isRefused: outcome.error !== undefined }
}

/** Splits bytes into chunks. */
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
      `split differently it gave ${b.messages.length} messages, ${b.error}, not ${a.messages.length}, ${a.error}`,
    )
  }
}

/**
Sends a received value back. Every value that can be received must be sent, or be refused in the documented way.
*/
function answer(conversation: Conversation, message: Message): void {
  if (message.kind !== 'query') return
  try {
    conversation.reply(message, message.value)
  } catch (error) {
    if (!(error instanceof QcloneError) || error.code !== 'ERR_QCLONE_UNSERIALIZABLE') throw error
  }
  conversation.fail(message, message.value)
}
