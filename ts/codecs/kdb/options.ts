import {
  type Expect,
  type Expectations,
  expectBoolean,
  expectEach,
  expectFunction,
  expectInteger,
  expectNumber,
  shown,
  withDefaults,
} from '../../options/validate.js'

/** Options of {@link kdb}. */
export interface KdbOptions {
  /**
  Returns whether to let a client in. Called once per client, in the parent, which it blocks. A missing user or password
  is `''`. Only `true` lets the client in; if the function throws, the client is turned away.

  @default lets everybody in
  */
  readonly authenticate?: (user: string, password: string) => boolean

  /**
  Whether replies over 2,000 bytes that shrink by half are compressed, for clients that support it. q does so for
  clients on other hosts, where sending takes longer than compressing.

  @default false
  */
  readonly compress?: boolean

  /**
  Maximum length of a message in bytes, compressed and uncompressed. The parent holds a query as it was sent until it is
  answered, so one client can make the parent hold this many bytes.

  @default 16_777_216
  */
  readonly maxMessageBytes?: number

  /**
  Maximum uncompressed length in bytes of a message that expects no reply, which the parent decodes.

  @default 1_048_576
  */
  readonly maxUpdateBytes?: number

  /**
  Maximum number of items in a message. Each atom, text and item of a vector is one item; each list, vector, dict, table
  and function counts for four more; bytes of a byte vector count for none. Decoded, an item takes up to 64 bytes of
  memory besides its text.

  @default 4_194_304
  */
  readonly maxItems?: number

  /**
  The same as {@link maxItems}, for a message that expects no reply.

  @default 262_144
  */
  readonly maxUpdateItems?: number

  /**
  Maximum nesting of lists, dicts, tables and functions, in messages and replies; at most 500.

  @default 128
  */
  readonly maxDepth?: number

  /**
  Maximum length in bytes of the greeting (user and password): the most that a client can make the parent hold before it
  is let in.

  @default 4096
  */
  readonly maxGreetingBytes?: number
}

export const DEFAULTS: Required<KdbOptions> = {
  authenticate: () => true,
  compress: false,
  maxMessageBytes: 16 << 20,
  maxUpdateBytes: 1 << 20,
  maxItems: 1 << 22,
  maxUpdateItems: 1 << 18,
  maxDepth: 128,
  maxGreetingBytes: 4096,
}

/** Maximum length that the head of a message can hold, for clients of this capability. */
const LONGEST_MESSAGE_BYTES = 2 ** 31 - 1
/** Maximum length that V8 can safely grow an array to. */
const MOST_ITEMS = 2 ** 26
/** Maximum depth that the stack allows. */
const DEEPEST = 500

export const EXPECT: Expectations<KdbOptions> = {
  authenticate: expectFunction,
  compress: expectBoolean,
  maxMessageBytes: upTo(LONGEST_MESSAGE_BYTES),
  maxUpdateBytes: upTo(LONGEST_MESSAGE_BYTES),
  maxItems: upTo(MOST_ITEMS),
  maxUpdateItems: upTo(MOST_ITEMS),
  maxDepth: upTo(DEEPEST),
  maxGreetingBytes: upTo(LONGEST_MESSAGE_BYTES),
}

/** Validates options and adds the defaults. @throws {TypeError} or {@link RangeError} if one is unknown or invalid. */
export function readOptions(options: unknown): Required<KdbOptions> {
  expectEach(options, EXPECT)
  return withDefaults(options, DEFAULTS)
}

function upTo(most: number): Expect {
  return (value, name) => {
    expectNumber(value, name, 1)
    expectInteger(value, name)
    if (value > most) throw new RangeError(`Expected \`${name}\` to be at most ${most}, got ${shown(value)}`)
  }
}
