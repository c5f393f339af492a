import { calledInClones } from '../clone-context/ahead.js'
import { type Codec, type Conversation, ProtocolError, type Query } from '../codecs/codec.js'
import type { Expect } from '../options.js'
import { expectFunction, expectMilliseconds, shown } from '../validate.js'

/** Gives the answer to a query. What it throws or rejects with is told to the client. */
export type Evaluate = (query: unknown) => unknown

/** Takes what a client has sent that waits for no reply, in the order in which it came. */
export type Update = (value: unknown) => void

/** How a server speaks with its clients. */
export interface SpeakingOptions {
  /** How messages lie in the bytes of a connection, such as `ndjson()` or `kdb()`. */
  readonly codec: Codec

  /** Called in the clone, with each query. */
  readonly evaluate: Evaluate

  /**
  Called with each message that waits for no reply. What it throws, or what the promise that it returns rejects with, is
  printed.

  @default such messages are dropped, and not even decoded
  */
  readonly update?: Update

  /**
  Within how many milliseconds a client must be let in, where the codec begins with a greeting. Then its connection
  is closed. It has no clone before.

  @default 10000
  */
  readonly greetingTimeout?: number
}

export const GREETING_TIMEOUT_MS = 10_000

export const EXPECT_OF_SPEAKING: Record<string, Expect> = {
  codec: (value, name) => {
    if (typeof value !== 'object' || value === null || !('open' in value)) {
      throw new TypeError(`Expected \`${name}\` to be a codec, such as \`ndjson()\`, got ${shown(value)}`)
    }
  },
  evaluate: expectFunction as Expect,
  update: expectFunction as Expect,
  greetingTimeout: expectMilliseconds,
}

/**
The bytes that answer a query: with its value, or with what went wrong. Decodes the query, where its codec has not.

@throws {ProtocolError} when the query turns out not to be of the protocol.
*/
export async function replyTo(
  query: Query,
  conversation: Conversation,
  evaluate: Evaluate,
): Promise<Uint8Array> {
  const decoded = decode(query)
  try {
    if ('error' in decoded) throw decoded.error
    return conversation.reply(query, await evaluate(decoded.value))
  } catch (error) {
    return conversation.fail(query, error)
  }
}

function decode(query: Query): { value: unknown } | { error: unknown } {
  try {
    return { value: query.value }
  } catch (error) {
    if (error instanceof ProtocolError) throw error
    return { error }
  }
}

calledInClones(decode)
