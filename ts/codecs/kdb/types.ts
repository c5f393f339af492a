/** Numbers of q's types. A vector has this number, an atom its negative. */
export const TYPES = {
  boolean: 1,
  guid: 2,
  byte: 4,
  short: 5,
  int: 6,
  long: 7,
  real: 8,
  float: 9,
  char: 10,
  symbol: 11,
  timestamp: 12,
  month: 13,
  date: 14,
  datetime: 15,
  timespan: 16,
  minute: 17,
  second: 18,
  time: 19,
} as const

/** Type of q that has atoms and vectors. */
export type QType = keyof typeof TYPES

/** Type of q for a point in time or a duration. */
export type QTemporalType =
  | 'timestamp'
  | 'month'
  | 'date'
  | 'datetime'
  | 'timespan'
  | 'minute'
  | 'second'
  | 'time'

/** Name of each type, by number. */
export const NAMES: readonly (QType | undefined)[] = Object.entries(TYPES).reduce<(QType | undefined)[]>(
  (names, [name, type]) => {
    names[type] = name as QType
    return names
  },
  new Array(20).fill(undefined),
)

/** Size of an item in bytes, by number of the type. For a symbol, it is the minimum. */
export const SIZES: readonly number[] = [0, 1, 16, 0, 1, 2, 4, 8, 4, 8, 1, 1, 8, 4, 4, 8, 8, 4, 4, 4]

/** Types beyond atoms and vectors. */
export const LIST = 0
export const TABLE = 98
export const DICT = 99
export const LAMBDA = 100
export const UNARY = 101
export const BINARY = 102
export const TERNARY = 103
export const PROJECTION = 104
export const COMPOSITION = 105
export const LAST_DERIVED = 111
export const SORTED_DICT = 127
export const ERROR = -128

/** Code of the generic null, `(::)`, among unary primitives. */
export const GENERIC_NULL = 0

/**
Infinities of q: the maximum of 16, 32 and 64 bits. Their negatives are the negative infinities, and one less is null.
*/
export const SHORT_MAX = 2 ** 15 - 1
export const INT_MAX = 2 ** 31 - 1
export const LONG_MAX = 2n ** 63n - 1n

/** Epoch of q, 2000-01-01, in milliseconds since 1970. */
export const EPOCH_MS = Date.UTC(2000, 0, 1)
export const DAY_MS = 86_400_000
export const NANOSECONDS_IN_MS = 1_000_000
