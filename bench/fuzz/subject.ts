import type { Conversation } from '#dist/codecs/codec.js'
import type { Random } from './random.js'

/** What a client sends. */
export interface Sample {
  readonly bytes: Buffer
  /** Whether it is one whole message, and as it should be. */
  readonly isValid: boolean
}

/** A codec under test. */
export interface Subject {
  readonly name: string
  /** A conversation with a client that has been let in. */
  open(): Conversation
  sample(random: Random): Sample
}
