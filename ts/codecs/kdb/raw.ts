import { shown } from '../../options/validate.js'
import { QTemporal } from './temporal.js'
import {
  DAY_MS,
  EPOCH_MS,
  INT_MAX,
  LONG_MAX,
  NANOSECONDS_IN_MS,
  type QTemporalType,
  type QType,
  SHORT_MAX,
} from './types.js'
import { QAtom } from './values.js'

/** Item in the form that the protocol writes: null and infinity are numbers. */
export type Raw = number | bigint | string

const NULL_GUID = '00000000-0000-0000-0000-000000000000'
const GUID = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i
const NS_IN_MS = BigInt(NANOSECONDS_IN_MS)
const LAST_BYTE = 0xff
const MONTHS = 12
const FIRST_YEAR = 2000

/**
Converts a value to the form that the protocol writes for an item of `type`.

@throws {TypeError} if the value is not of that type.
@throws {RangeError} if the value is beyond the range of that type.
*/
export function rawOf(type: QType, value: unknown): Raw {
  if (value instanceof QAtom && value.type === type) return RULES[type](value.value)
  return RULES[type](value ?? null)
}

/** Rule for one type. Its argument is never undefined. */
type Rule = (value: unknown) => Raw

const SHORT = whole('a short', SHORT_MAX)
const INT = whole('an int', INT_MAX)

const RULES: Record<QType, Rule> = {
  boolean: (value) => (typeof value === 'boolean' ? Number(value) : refuse(value, 'a boolean')),
  guid: (value) => {
    if (value === null) return NULL_GUID
    return typeof value === 'string' && GUID.test(value) ? value : refuse(value, 'a guid')
  },
  byte: (value) => {
    if (!Number.isInteger(value)) return refuse(value, 'a byte')
    return isWithin(value as number, 0, LAST_BYTE) ? (value as number) : beyond(value, 'a byte')
  },
  short: SHORT,
  int: INT,
  long,
  real: float,
  float,
  char: (value) => {
    if (value === null) return ' '.charCodeAt(0)
    if (typeof value !== 'string' || value.length !== 1) return refuse(value, 'a char')
    return value.charCodeAt(0) <= LAST_BYTE ? value.charCodeAt(0) : beyond(value, 'a char, one byte')
  },
  symbol: (value) => {
    if (value === null) return ''
    if (typeof value !== 'string') return refuse(value, 'a symbol')
    return value.includes('\0') ? beyond(value, 'a symbol, without NUL') : value
  },
  timestamp: temporal('timestamp', (value) => {
    if (!(value instanceof Date)) return BigInt(long(value))
    const ms = value.getTime()
    return long(Number.isNaN(ms) ? null : BigInt(ms - EPOCH_MS) * NS_IN_MS)
  }),
  month: temporal('month', (value) =>
    INT(byDate(value, (date) => (date.getUTCFullYear() - FIRST_YEAR) * MONTHS + date.getUTCMonth())),
  ),
  date: temporal('date', (value) =>
    INT(byDate(value, (date) => Math.floor((date.getTime() - EPOCH_MS) / DAY_MS))),
  ),
  datetime: temporal('datetime', (value) =>
    float(byDate(value, (date) => (date.getTime() - EPOCH_MS) / DAY_MS)),
  ),
  timespan: temporal('timespan', (value) => BigInt(long(value))),
  minute: temporal('minute', INT),
  second: temporal('second', INT),
  time: temporal('time', INT),
}

/** Returns a rule that takes the count of a QTemporal of `type`, and applies `rule` to any other value. */
function temporal(type: QTemporalType, rule: Rule): Rule {
  return (value) => {
    if (!(value instanceof QTemporal)) return rule(value)
    return value.type === type ? value.count : refuse(value, `a ${type}`)
  }
}

function byDate(value: unknown, convert: (date: Date) => number): unknown {
  if (!(value instanceof Date)) return value
  return Number.isNaN(value.getTime()) ? null : convert(value)
}

function whole(what: string, max: number): Rule {
  return (value) => {
    if (value === null) return -max - 1
    if (value === Infinity) return max
    if (value === -Infinity) return -max
    if (!Number.isInteger(value)) return refuse(value, what)
    // The extremes stand for infinity, which must be written as Infinity.
    return isWithin(value as number, -max + 1, max - 1) ? (value as number) : beyond(value, what)
  }
}

function long(value: unknown): number | bigint {
  if (value === null) return -LONG_MAX - 1n
  if (value === Infinity) return LONG_MAX
  if (value === -Infinity) return -LONG_MAX
  if (typeof value === 'bigint') {
    return value < LONG_MAX && value > -LONG_MAX ? value : beyond(value, 'a long')
  }
  if (!Number.isInteger(value)) return refuse(value, 'a long')
  return Number.isSafeInteger(value) ? (value as number) : beyond(value, 'a long, as a bigint')
}

function float(value: unknown): Raw {
  if (value === null) return Number.NaN
  return typeof value === 'number' ? value : refuse(value, 'a number')
}

function isWithin(value: number, least: number, most: number): boolean {
  return value >= least && value <= most
}

function refuse(value: unknown, what: string): never {
  throw new TypeError(`Expected the value to be ${what}, got ${shown(value)}`)
}

function beyond(value: unknown, what: string): never {
  throw new RangeError(`Expected the value to be within the range of ${what}, got ${shown(value)}`)
}
