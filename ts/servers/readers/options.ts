import type { IncomingMessage } from 'node:http'
import { availableParallelism } from 'node:os'
import { EXPECT_OF_SERVING, type ServingOptions } from '../../options/clone-options.js'
import {
  type Expectations,
  expectBoolean,
  expectCount,
  expectFunction,
  expectMilliseconds,
  integerFrom,
  withDefaults,
} from '../../options/validate.js'
import { EXPECT_OF_SPEAKING, type SpeakingOptions } from '../net/evaluate.js'

/** Options of {@link cloneReaders}. */
export interface ReaderOptions
  extends Pick<ServingOptions, 'affinity' | 'ignoreSignals' | 'limits' | 'name' | 'title'>,
    Partial<SpeakingOptions> {
  /**
  Niceness of the readers, from -20 (first) to 19 (last), or `'idle'` for only otherwise unused CPU time. A niceness
  below the parent's requires privilege; without it, the parent's niceness stays.

  @default the parent's niceness
  */
  readonly priority?: number | 'idle'

  /**
  Number of readers, each of which can keep at most one CPU busy. Not allowed with `perConnection`.

  @default the CPUs available, minus one for the parent, at least 1
  */
  readonly readers?: number

  /**
  Whether each connection has its own reader, so that a slow query keeps no other client waiting. The reader is forked
  when the client sends a request, and again for a request after `maxAge`; in between, an idle connection costs no
  process. Each reader is then a generation. The server accepts 1,020 connections at a time, unless its `maxConnections`
  is set.

  @default false
  */
  readonly perConnection?: boolean

  /**
  Time in milliseconds from the fork of one generation to that of the next. With `Infinity`,
  only `refresh()`, `update()` and a query after a write make one.

  @default 1000
  */
  readonly maxAge?: number

  /**
  Function that returns the version of the data, such as a counter. While it returns the same value as at the last fork,
  and no client has changed anything in the parent, no generation is made. Called in the parent.

  @default a generation every `maxAge`
  */
  readonly version?: () => unknown

  /**
  Function called in the parent right before a generation is forked, to compute data once for all readers. If it throws,
  the error is printed, and the previous generation keeps serving.

  @default undefined
  */
  readonly before?: (generation: number) => void

  /**
  Whether a reader handles an HTTP request. The others are forwarded to the parent. Called in the reader.
  If it throws, the error is printed and the client gets status 500.

  @default GET, HEAD and OPTIONS
  */
  readonly filter?: (request: IncomingMessage) => boolean

  /**
  Whether to refuse anything that would be forwarded to the parent: HTTP requests get status 405, messages that expect
  no reply are dropped.

  @default false
  */
  readonly readOnly?: boolean

  /**
  Whether a client sees its own writes, which are forwarded to the parent. After a write, the parent answers its HTTP
  requests, and its next query waits, until a generation contains the write. If none can be made, the parent answers the
  query.

  @default false
  */
  readonly readYourWrites?: boolean

  /**
  Maximum time in milliseconds for a reader that has been replaced to answer its clients. After that, it is killed, and
  their connections are reset.

  @default 10000
  */
  readonly drainTimeout?: number

  /**
  Maximum time in milliseconds a reader works on one request or query. After that, it is replaced. If it sends no sign
  of life, it is killed, and its connections are reset.

  @default 60000
  */
  readonly requestTimeout?: number

  /**
  Number of requests and queries after which a reader is replaced.

  @default Infinity
  */
  readonly maxRequests?: number

  /**
  Memory in bytes, copied and allocated since its fork, from which a reader is replaced.

  @default Infinity
  */
  readonly maxMemory?: number
}

const { affinity, ignoreSignals, limits, name, priority, title } = EXPECT_OF_SERVING

export const EXPECT_OF_READERS: Expectations<ReaderOptions> = {
  affinity,
  ignoreSignals,
  limits,
  name,
  priority,
  title,
  ...EXPECT_OF_SPEAKING,
  readers: integerFrom(1),
  perConnection: expectBoolean,
  maxAge: (value, name) => {
    if (value !== Infinity) expectMilliseconds(value, name, LEAST_AGE_MS)
  },
  version: expectFunction,
  before: expectFunction,
  filter: expectFunction,
  readOnly: expectBoolean,
  readYourWrites: expectBoolean,
  drainTimeout: expectMilliseconds,
  requestTimeout: (value, name) => expectMilliseconds(value, name, 1),
  maxRequests: (value, name) => expectCount(value, name, 1),
  maxMemory: (value, name) => expectCount(value, name, 1),
}

/** Minimum `maxAge`, in milliseconds. More frequent forks would leave the parent no time. */
const LEAST_AGE_MS = 10

/** Options of {@link cloneReaders} with their defaults, except those of a codec and of clones. */
export type Plan = Required<
  Pick<
    ReaderOptions,
    | 'before'
    | 'drainTimeout'
    | 'filter'
    | 'maxAge'
    | 'maxMemory'
    | 'maxRequests'
    | 'perConnection'
    | 'readers'
    | 'readOnly'
    | 'readYourWrites'
    | 'requestTimeout'
  >
> &
  Pick<ReaderOptions, 'version'>

/** Methods that change nothing, by RFC 9110, section 9.2.1, except TRACE, which servers do not answer. */
const SAFE_METHODS = ['GET', 'HEAD', 'OPTIONS']

/** Completes the options with defaults. */
export function planOf(options: ReaderOptions): Plan {
  const defaults: Omit<Plan, 'version'> = {
    readers: Math.max(availableParallelism() - 1, 1),
    perConnection: false,
    maxAge: 1000,
    before: () => {},
    filter: ({ method = '' }) => SAFE_METHODS.includes(method),
    readOnly: false,
    readYourWrites: false,
    drainTimeout: 10_000,
    requestTimeout: 60_000,
    maxRequests: Infinity,
    maxMemory: Infinity,
  }
  return withDefaults<Partial<typeof defaults>>(options, defaults) as Plan
}
