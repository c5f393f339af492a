import { type Codec, type Conversation, isProtocolError, type Query } from '../../codecs/codec.js'
import { reportError } from '../../in-clone/exit.js'
import { calledInClones } from '../../in-clone/precompile.js'
import { type Expectations, expectFunction, expectMilliseconds, shown } from '../../options/validate.js'

// Method types: TypeScript accepts functions with an annotated parameter for these, but not for function types.

/**
Function that returns the answer to a query. If it throws or rejects, the client receives the error. Its parameter can
have any type.
*/
export type Evaluate = {
  /** Returns the answer to `query`. */
  evaluate(query: unknown): unknown
}['evaluate']

/** Function that receives each message that expects no reply, in order. Its parameter can have any type. */
export type Update = {
  /** Receives `value`. */
  update(value: unknown): void
}['update']

/** Options for servers whose clients speak a codec. */
export interface SpeakingOptions {
  /** Codec that frames messages: `ndjson()`, `kdb()` or your own. Required. */
  readonly codec: Codec

  /**
  Function called with each query, in the clone. If it throws, the client receives the error. Required. For a session
  client that `filter` leaves to the parent, it is called in the parent.
  */
  readonly evaluate: Evaluate

  /**
  Function called with each message that expects no reply; in the parent for `cloneQueries`, in the clone for
  `cloneSessions`. If it throws or its promise rejects, the error is printed.

  @default such messages are dropped without being decoded
  */
  readonly onUpdate?: Update

  /**
  Maximum time in milliseconds for a client to be let in, if the codec begins with a greeting. After that, the
  connection is closed. A client has no clone until it is let in.

  @default 10000
  */
  readonly handshakeTimeout?: number
}

export const HANDSHAKE_TIMEOUT_MS = 10_000

export const EXPECT_OF_SPEAKING: Expectations<SpeakingOptions> = {
  codec: (value, name) => {
    if (typeof (value as Partial<Codec> | null)?.open !== 'function') {
      throw new TypeError(`Expected \`${name}\` to be a codec, such as \`ndjson()\`, got ${shown(value)}`)
    }
  },
  evaluate: expectFunction,
  onUpdate: expectFunction,
  handshakeTimeout: expectMilliseconds,
}

/** Calls the receiver of updates. Nothing waits for the outcome: if it throws or rejects, the error is printed. */
export function callUpdate(onUpdate: (value: unknown) => unknown, value: unknown): void {
  try {
    const result = onUpdate(value)
    if (typeof result === 'object' && result !== null) Promise.resolve(result).catch(reportError)
  } catch (error) {
    reportError(error)
  }
}

/**
Evaluates a query, decoding it if the codec has not, and encodes the reply: its value or its error.

@throws {ProtocolError} if the query turns out to be malformed.
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
    if (isProtocolError(error)) throw error
    return { error }
  }
}

calledInClones(decode)
