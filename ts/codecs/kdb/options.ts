import {
  expectBoolean,
  expectFunction,
  expectInteger,
  expectNumber,
  expectOptions,
  shown,
} from '../../validate.js'

/** What {@link kdb} takes. */
export interface KdbOptions {
  /**
  Whether to let a client in. Of one that gives no user or no password it is `''`. Only `true` lets it in; what this
  throws turns it away. Called once for each client, in the parent, which does nothing else until it returns: let it be
  quick.

  @default everybody is let in
  */
  readonly authenticate?: (user: string, password: string) => boolean

  /**
  Whether replies of more than 2000 bytes that compress to less than half are sent compressed, to clients that can
  read it. q does so for clients on other hosts, where sending takes longer than compressing.

  @default false
  */
  readonly compress?: boolean

  /**
  Maximum length of a client's message in bytes, compressed and uncompressed. The parent holds a query compressed, as it
  was sent, until its clone has answered, so this is also what one client can make the parent hold.

  @default 16_777_216
  */
  readonly maxMessageBytes?: number

  /**
  Maximum length in bytes, uncompressed, of a message that waits for no reply: the parent itself decodes those.

  @default 1_048_576
  */
  readonly maxUpdateBytes?: number

  /**
  Maximum number of items in a message. Each atom, text and item of a vector is one; each list, vector, dict, table and
  function counts for four besides its items. The bytes of a byte vector are none. Decoded, an item takes 64 bytes of
  memory at most.

  @default 4_194_304
  */
  readonly maxItems?: number

  /**
  As {@link maxItems}, of a message that waits for no reply.

  @default 262_144
  */
  readonly maxUpdateItems?: number

  /**
  How deep lists, dicts, tables and functions may be within each other, in messages and in replies; 500 at most.

  @default 128
  */
  readonly maxDepth?: number

  /**
  How many bytes user and password may have together, with what is between and behind them.

  @default 4096
  */
  readonly maxGreetingBytes?: number
}

const DEFAULTS: Required<KdbOptions> = {
  authenticate: () => true,
  compress: false,
  maxMessageBytes: 16 << 20,
  maxUpdateBytes: 1 << 20,
  maxItems: 1 << 22,
  maxUpdateItems: 1 << 18,
  maxDepth: 128,
  maxGreetingBytes: 4096,
}

/** What the length of a message can say, to clients that know no longer ones. */
const LONGEST_MESSAGE_BYTES = 2 ** 31 - 1
/** An array that grows to more might be beyond what V8 can hold. */
const MOST_ITEMS = 2 ** 26
/** Deeper, the stack might not do. */
const DEEPEST = 500

type Expect = (value: unknown, name: string) => void

const EXPECT: { [name in keyof Required<KdbOptions>]: Expect } = {
  authenticate: expectFunction as Expect,
  compress: expectBoolean as Expect,
  maxMessageBytes: upTo(LONGEST_MESSAGE_BYTES),
  maxUpdateBytes: upTo(LONGEST_MESSAGE_BYTES),
  maxItems: upTo(MOST_ITEMS),
  maxUpdateItems: upTo(MOST_ITEMS),
  maxDepth: upTo(DEEPEST),
  maxGreetingBytes: upTo(LONGEST_MESSAGE_BYTES),
}

/** `options`, and for those left out their defaults. @throws {TypeError} or {@link RangeError} on one of no use. */
export function readOptions(options: unknown): Required<KdbOptions> {
  expectOptions(options, Object.keys(EXPECT))
  const given = Object.entries(options).filter(([, value]) => value !== undefined)
  for (const [name, value] of given) EXPECT[name as keyof KdbOptions](value, name)
  return { ...DEFAULTS, ...Object.fromEntries(given) }
}

function upTo(most: number): Expect {
  return (value, name) => {
    expectNumber(value, name, 1)
    expectInteger(value, name)
    if (value > most) throw new RangeError(`Expected \`${name}\` to be at most ${most}, got ${shown(value)}`)
  }
}
