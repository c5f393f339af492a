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
  throws turns it away.

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
  How many bytes a client's message may have, uncompressed. Decoded, it takes up to sixteen times as much memory.

  @default 67_108_864
  */
  readonly maxMessageBytes?: number

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
  maxMessageBytes: 64 << 20,
  maxDepth: 128,
  maxGreetingBytes: 4096,
}

/** What the length of a message can say, to clients that know no longer ones. */
const LONGEST_MESSAGE_BYTES = 2 ** 31 - 1
/** Deeper, the stack might not do. */
const DEEPEST = 500

type Expect = (value: unknown, name: string) => void

const EXPECT: { [name in keyof Required<KdbOptions>]: Expect } = {
  authenticate: expectFunction as Expect,
  compress: expectBoolean as Expect,
  maxMessageBytes: upTo(LONGEST_MESSAGE_BYTES),
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
