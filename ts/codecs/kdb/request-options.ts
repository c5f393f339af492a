import type { ConnectionOptions } from 'node:tls'
import {
  type Expectations,
  expectAbortSignal,
  expectEach,
  expectMillisecondsOrInfinity,
  expectObject,
  withDefaults,
} from '../../options/validate.js'
import { DEFAULTS, EXPECT } from './options.js'

/** Options of {@link request}. */
export interface KdbRequestOptions {
  /**
  Maximum time in milliseconds for everything: connecting, logging in, and receiving the answer. After that the
  connection is closed, and the error is `ERR_QCLONE_TIMEOUT`.

  @default 30_000
  */
  readonly timeout?: number

  /**
  Signal that closes the connection when it is aborted. The error is `ERR_QCLONE_ABORTED`, with the signal's reason as
  its `cause`.

  @default undefined
  */
  readonly signal?: AbortSignal | undefined

  /**
  Whether to connect with TLS, or options of `tls.connect` to use, such as `ca`. A `tcps://` address always uses TLS.

  @default false
  */
  readonly tls?: boolean | ConnectionOptions

  /**
  Maximum length of the answer in bytes, compressed and uncompressed.

  @default 16_777_216
  */
  readonly maxMessageBytes?: number

  /**
  Maximum number of items in the answer, counted as by {@link KdbOptions.maxItems}.

  @default 4_194_304
  */
  readonly maxItems?: number

  /**
  Maximum nesting of lists, dicts, tables and functions, in the query and the answer; at most 500.

  @default 128
  */
  readonly maxDepth?: number
}

const DEFAULTS_OF_REQUEST: Required<KdbRequestOptions> = {
  timeout: 30_000,
  signal: undefined,
  tls: false,
  maxMessageBytes: DEFAULTS.maxMessageBytes,
  maxItems: DEFAULTS.maxItems,
  maxDepth: DEFAULTS.maxDepth,
}

const EXPECT_OF_REQUEST: Expectations<KdbRequestOptions> = {
  timeout: expectMillisecondsOrInfinity,
  signal: expectAbortSignal,
  tls: (value, name) => {
    if (typeof value !== 'boolean') expectObject(value, name)
  },
  maxMessageBytes: EXPECT.maxMessageBytes,
  maxItems: EXPECT.maxItems,
  maxDepth: EXPECT.maxDepth,
}

/** Validates options and adds the defaults. @throws {TypeError} or {@link RangeError} if one is unknown or invalid. */
export function readRequestOptions(options: unknown): Required<KdbRequestOptions> {
  expectEach(options, EXPECT_OF_REQUEST)
  return withDefaults(options, DEFAULTS_OF_REQUEST)
}
