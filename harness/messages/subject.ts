import type { Conversation } from 'node-qclone'
import type { Random } from '../random.js'

/** Bytes that a client sends. */
export interface Sample {
  readonly bytes: Buffer
  /** Whether it is exactly one valid message. */
  readonly isValid: boolean
}

/** Codec under test. */
export interface Subject {
  readonly name: string
  /** Opens a conversation with an accepted client. */
  open(): Conversation
  sample(random: Random): Sample
}
