import { Buffer } from 'node:buffer'
import type { Reader } from './reader.js'
import { QTemporal } from './temporal.js'
import { INT_MAX, LONG_MAX, type QTemporalType, type QType, SHORT_MAX } from './types.js'

/** Number of values of the lower half of a long. */
const LOWER_HALF = 2 ** 32
/** Bound of the upper half of longs that a number holds without loss; the negative is the lower bound. */
const SAFE_UPPER_HALF = 2 ** 21
const UPPER_INFINITE = INT_MAX
const LOWER_INFINITE = LOWER_HALF - 1
const UPPER_NULL = -INT_MAX - 1
const NULL_GUID = '0'.repeat(32)

/** Functions that read one item of a type, as an atom or in a vector. Nulls become null, infinities Infinity. */
export const ITEM: Readonly<Record<QType, (reader: Reader) => unknown>> = {
  boolean: (reader) => reader.byte() !== 0,
  guid: (reader) => guidOf(reader.hex(16)),
  byte: (reader) => reader.byte(),
  short: (reader) => wholeOf(reader.int16(), SHORT_MAX),
  int: (reader) => wholeOf(reader.int32(), INT_MAX),
  long: (reader) => reader.int64(longOf),
  real: (reader) => floatOf(reader.float32()),
  float: (reader) => floatOf(reader.float64()),
  char: (reader) => String.fromCharCode(reader.byte()),
  symbol: (reader) => reader.symbol(),
  timestamp: nanoseconds('timestamp'),
  month: counted('month'),
  date: counted('date'),
  datetime: (reader) => {
    const count = reader.float64()
    return Number.isNaN(count) ? null : new QTemporal('datetime', count)
  },
  timespan: nanoseconds('timespan'),
  minute: counted('minute'),
  second: counted('second'),
  time: counted('time'),
}

/** Numbers of digits in front of the dashes. */
const DASHED = new Set([8, 12, 16, 20])
const guidText = Buffer.alloc(36, '-')

/** Formats a guid char by char. A string concatenated from others would keep all of them in memory. */
function guidOf(hex: string): string | null {
  if (hex === NULL_GUID) return null
  let at = 0
  for (let digit = 0; digit < hex.length; digit++) {
    if (DASHED.has(digit)) at++
    guidText[at++] = hex.charCodeAt(digit)
  }
  return guidText.toString('latin1')
}

function wholeOf(count: number, max: number): number | null {
  if (count === max) return Infinity
  if (count === -max) return -Infinity
  return count < -max ? null : count
}

function longOf(upper: number, lower: number): number | bigint | null {
  if (upper >= -SAFE_UPPER_HALF && upper < SAFE_UPPER_HALF) {
    const count = upper * LOWER_HALF + lower
    if (Number.isSafeInteger(count)) return count
  }
  if (upper === UPPER_INFINITE && lower === LOWER_INFINITE) return Infinity
  if (upper === UPPER_NULL && lower <= 1) return lower === 0 ? null : -Infinity
  return (BigInt(upper) << 32n) | BigInt(lower)
}

function floatOf(number: number): number | null {
  return Number.isNaN(number) ? null : number
}

function nanoseconds(type: 'timestamp' | 'timespan') {
  return (reader: Reader) => {
    const count = reader.bigint64()
    return count < -LONG_MAX ? null : new QTemporal(type, count)
  }
}

function counted(type: Exclude<QTemporalType, 'timestamp' | 'timespan' | 'datetime'>) {
  return (reader: Reader) => {
    const count = reader.int32()
    return count < -INT_MAX ? null : new QTemporal(type, count)
  }
}
