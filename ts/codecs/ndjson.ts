import { expectInteger, expectNumber, expectOptions } from '../validate.js'
import type { Codec } from './codec.js'
import { NdjsonConversation } from './ndjson/conversation.js'

/** What {@link ndjson} takes. */
export interface NdjsonOptions {
  /**
  How many bytes a line may have.

  @default 16_777_216
  */
  readonly maxMessageBytes?: number

  /**
  How deep arrays and objects may be within each other in what a client sends.

  @default 128
  */
  readonly maxDepth?: number
}

const DEFAULTS: Required<NdjsonOptions> = { maxMessageBytes: 16 << 20, maxDepth: 128 }

/**
JSON, one value a line. `{"query": value, "id": any}` is a query, its `id` optional and part of the answer, which is
`{"id": …, "result": value}` or `{"id": …, "error": {"name", "message", "code"}}`. `{"update": value}` is an update.

@throws {TypeError} or {@link RangeError} on an option that is unknown or of no use.
*/
export function ndjson(options: NdjsonOptions = {}): Codec {
  expectOptions(options, Object.keys(DEFAULTS))
  const { maxMessageBytes = DEFAULTS.maxMessageBytes, maxDepth = DEFAULTS.maxDepth } =
    options as NdjsonOptions
  for (const [name, value] of Object.entries({ maxMessageBytes, maxDepth })) {
    expectNumber(value, name, 1)
    expectInteger(value, name)
  }
  return { name: 'ndjson', open: () => new NdjsonConversation({ maxMessageBytes, maxDepth }) }
}
