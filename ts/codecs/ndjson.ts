import { expectInteger, expectNumber, expectOptions } from '../validate.js'
import type { Codec } from './codec.js'
import { NdjsonConversation } from './ndjson/conversation.js'

/** What {@link ndjson} takes. */
export interface NdjsonOptions {
  /**
  Maximum length of a line in bytes. The parent holds the line of a query until its clone has answered, so this is also
  what one client can make the parent hold.

  @default 16_777_216
  */
  readonly maxMessageBytes?: number

  /**
  Maximum length in bytes of a line that is an update: the parent itself parses those.

  @default 1_048_576
  */
  readonly maxUpdateBytes?: number

  /**
  Maximum number of items in a line. Each value in an array or object is one; each array and object counts for four
  besides its items. Parsed, an item takes 120 bytes of memory at most.

  @default 4_194_304
  */
  readonly maxItems?: number

  /**
  As {@link maxItems}, of a line that is an update.

  @default 262_144
  */
  readonly maxUpdateItems?: number

  /**
  How deep arrays and objects may be within each other in what a client sends.

  @default 128
  */
  readonly maxDepth?: number
}

const DEFAULTS: Required<NdjsonOptions> = {
  maxMessageBytes: 16 << 20,
  maxUpdateBytes: 1 << 20,
  maxItems: 1 << 22,
  maxUpdateItems: 1 << 18,
  maxDepth: 128,
}

/**
JSON, one value a line. `{"query": value, "id": any}` is a query, its `id` optional and part of the answer, which is
`{"id": …, "result": value}` or `{"id": …, "error": {"name", "message", "code"}}`. `{"update": value}` is an update.

@throws {TypeError} or {@link RangeError} on an option that is unknown or of no use.
*/
export function ndjson(options: NdjsonOptions = {}): Codec {
  expectOptions(options, Object.keys(DEFAULTS))
  const given = Object.entries(options).filter(([, value]) => value !== undefined)
  for (const [name, value] of given) {
    expectNumber(value, name, 1)
    expectInteger(value, name)
  }
  const known = { ...DEFAULTS, ...Object.fromEntries(given) }
  return { name: 'ndjson', open: () => new NdjsonConversation(known) }
}
