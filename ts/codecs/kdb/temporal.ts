import { inWords } from './temporal-text.js'
import { DAY_MS, EPOCH_MS, INT_MAX, LONG_MAX, NANOSECONDS_IN_MS, type QTemporalType } from './types.js'
import { QValue } from './values.js'

/**
Point in time or duration of q, without loss of precision, including nanoseconds.

`<` and `>` compare it with other temporals and Dates, to the microsecond. For full precision, compare {@link count}.
*/
export class QTemporal<Type extends QTemporalType = QTemporalType> extends QValue {
  /** Type of q. */
  readonly type: Type
  /**
  Count in q's unit: nanoseconds (`timestamp`, `timespan`, both bigints), months, days (`date`, and `datetime` with
  a fraction), minutes, seconds or milliseconds (`time`). Points in time count from 2000-01-01T00:00Z. The highest count
  of a type is infinity.
  */
  readonly count: Type extends 'timestamp' | 'timespan' ? bigint : number

  constructor(type: Type, count: Type extends 'timestamp' | 'timespan' ? bigint : number) {
    super()
    this.type = type
    this.count = count
  }

  /** Whether it is the null of its type, as made by {@link q}. Decoding returns `null` instead. */
  get isNull(): boolean {
    if (typeof this.count === 'bigint') return this.count < -LONG_MAX
    return this.type === 'datetime' ? Number.isNaN(this.count) : this.count < -INT_MAX
  }

  /** Whether it is one of q's infinities, such as `0Wd`. */
  get isInfinite(): boolean {
    if (typeof this.count === 'bigint') return this.count === LONG_MAX || this.count === -LONG_MAX
    return this.type === 'datetime' ? Math.abs(this.count) === Infinity : Math.abs(this.count) === INT_MAX
  }

  /**
  Returns the millisecond it falls into; for a month, its beginning. Null and infinities return an invalid Date.

  @throws {TypeError} if it is a duration.
  */
  toDate(): Date {
    if (!(this.type in SINCE_EPOCH)) throw new TypeError(`A ${this.type} is not a point in time`)
    // A number cannot hold nanoseconds since 1970.
    if (typeof this.count === 'bigint' && !this.isNull && !this.isInfinite)
      return new Date(wholeMs(this.count))
    return new Date(Math.floor(this.valueOf()))
  }

  /** Returns milliseconds with a fraction, counted from 1970 for a point in time. NaN for null. */
  override valueOf(): number {
    if (this.isNull) return Number.NaN
    if (this.isInfinite) return Number(this.count) > 0 ? Infinity : -Infinity
    if (this.type === 'month') return Date.UTC(2000, Number(this.count))
    return Number(this.count) * MS[this.type] + (this.type in SINCE_EPOCH ? EPOCH_MS : 0)
  }

  /** Returns ISO 8601 text, such as `2026-01-31T12:30:00.000000001Z`; a timespan as in q: `1D12:30:00.000000001`. */
  override toString(): string {
    return inWords(this)
  }

  /** Returns {@link toString}, and `null` for null. */
  toJSON(): string | null {
    return this.isNull ? null : inWords(this)
  }
}

/** Converts nanoseconds since 2000 to milliseconds since 1970, rounded down as clocks do. */
function wholeMs(count: bigint): number {
  return EPOCH_MS + Number((count - (((count % NS_IN_MS) + NS_IN_MS) % NS_IN_MS)) / NS_IN_MS)
}

const NS_IN_MS = BigInt(NANOSECONDS_IN_MS)

const SINCE_EPOCH: Partial<Record<QTemporalType, true>> = {
  timestamp: true,
  month: true,
  date: true,
  datetime: true,
}

/** Milliseconds per unit. A month has no fixed length. */
const MS: Record<QTemporalType, number> = {
  timestamp: 1 / NANOSECONDS_IN_MS,
  month: Number.NaN,
  date: DAY_MS,
  datetime: DAY_MS,
  timespan: 1 / NANOSECONDS_IN_MS,
  minute: 60_000,
  second: 1000,
  time: 1,
}
