import {
  type Expectations,
  expectEach,
  expectInteger,
  expectNumber,
  withDefaults,
} from '../../options/validate.js'

/** Options of {@link ndjson}. */
export interface NdjsonOptions {
  /**
  Maximum length of a line in bytes. The parent holds the line of a query until it is answered, so one client can make
  the parent hold this many bytes.

  @default 16_777_216
  */
  readonly maxMessageBytes?: number

  /**
  Maximum length in bytes of an update, which the parent parses.

  @default 1_048_576
  */
  readonly maxUpdateBytes?: number

  /**
  Maximum number of items in a line. Each value in an array or object is one item, and each array and object counts for
  four more. Parsed, an item takes up to 120 bytes of memory.

  @default 4_194_304
  */
  readonly maxItems?: number

  /**
  The same as {@link maxItems}, for an update.

  @default 262_144
  */
  readonly maxUpdateItems?: number

  /**
  Maximum nesting of arrays and objects.

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

const EXPECT: Expectations<NdjsonOptions> = {
  maxMessageBytes: expectBound,
  maxUpdateBytes: expectBound,
  maxItems: expectBound,
  maxUpdateItems: expectBound,
  maxDepth: expectBound,
}

/** Validates options and adds the defaults. @throws {TypeError} or {@link RangeError} if one is unknown or invalid. */
export function readOptions(options: unknown): Required<NdjsonOptions> {
  expectEach(options, EXPECT)
  return withDefaults(options, DEFAULTS)
}

function expectBound(value: unknown, name: string): void {
  expectNumber(value, name, 1)
  expectInteger(value, name)
}
