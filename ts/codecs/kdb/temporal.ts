import { inWords } from './temporal-text.js'
import { DAY_MS, EPOCH_MS, INT_MAX, LONG_MAX, NANOSECONDS_IN_MS, type QTemporalType } from './types.js'
import { QValue } from './values.js'

/**
When, or how long, as q has it: nothing is lost, nanoseconds included.

They compare by `<` and `>` with each other and with Dates, to the microsecond. For all of it compare {@link count}.
*/
export class QTemporal<Type extends QTemporalType = QTemporalType> extends QValue {
  readonly type: Type
  /**
  As q counts: nanoseconds (`timestamp`, `timespan`, both bigints), months, days (`date`, and `datetime` with
  fractions), minutes, seconds or milliseconds (`time`). What tells when counts from 2000-01-01T00:00Z on. The highest
  count of a type is infinity.
  */
  readonly count: Type extends 'timestamp' | 'timespan' ? bigint : number

  constructor(type: Type, count: Type extends 'timestamp' | 'timespan' ? bigint : number) {
    super()
    this.type = type
    this.count = count
  }

  /** Whether it is the null of its type, as the makers give it. Decoding gives null instead. */
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
  The millisecond it falls into; of a month its beginning. An invalid Date for null and infinities.

  @throws {TypeError} when it tells how long, not when.
  */
  toDate(): Date {
    if (!(this.type in SINCE_EPOCH)) throw new TypeError(`A ${this.type} is no point in time`)
    // Not by way of a number, which has no room for nanoseconds since 1970.
    if (typeof this.count === 'bigint' && !this.isNull && !this.isInfinite)
      return new Date(wholeMs(this.count))
    return new Date(Math.floor(this.valueOf()))
  }

  /** In milliseconds, with a fraction: since 1970 when it tells when. NaN for null. */
  override valueOf(): number {
    if (this.isNull) return Number.NaN
    if (this.isInfinite) return Number(this.count) > 0 ? Infinity : -Infinity
    if (this.type === 'month') return Date.UTC(2000, Number(this.count))
    return Number(this.count) * MS[this.type] + (this.type in SINCE_EPOCH ? EPOCH_MS : 0)
  }

  /** As ISO 8601 has it, such as `2026-01-31T12:30:00.000000001Z`. A timespan as q: `1D12:30:00.000000001`. */
  override toString(): string {
    return inWords(this)
  }

  /** As {@link toString}, and null for null. */
  toJSON(): string | null {
    return this.isNull ? null : inWords(this)
  }
}

/** Milliseconds since 1970, of nanoseconds since 2000: rounded down, as all who tell the time do. */
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

/** How many milliseconds one is. */
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
