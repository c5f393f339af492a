import { QDict, QFunction, QKeyedTable, QTable, QTemporal, type QTemporalType } from 'node-qclone/kdb'
import type { Random } from '../random.js'
import type { Sink } from './sink.js'

/**
Writes random values in kdb+ format, and returns the values they decode to. Shares nothing with the codec except the
protocol.
*/
export class KdbValues {
  readonly #random: Random
  readonly #sink: Sink

  constructor(random: Random, sink: Sink) {
    this.#random = random
    this.#sink = sink
  }

  /** Value of any type, at most `depth` levels deep. */
  value(depth: number): unknown {
    const kind = this.#random.below(depth > 0 ? 12 : 6)
    if (kind < 3) return this.#atom()
    if (kind < 6) return this.#vector(this.#length())
    if (kind < 8) return this.#list(this.#length(), depth)
    if (kind === 8) return this.#dict(depth)
    if (kind === 9) return this.#table(this.#length(), depth)
    return kind === 10 ? this.#keyed(depth) : this.#function(depth)
  }

  /** Error, which is only valid as a whole message. */
  error(): Error {
    this.#sink.byte(0x80)
    return new Error(this.#symbol())
  }

  #length(): number {
    return this.#random.oneIn(8) ? this.#random.below(40) : this.#random.below(5)
  }

  #atom(): unknown {
    const type = this.#random.pick(TYPES)
    this.#sink.byte(256 - type)
    return this.#item(type)
  }

  /** Vector of one of `types`, by default of any type. */
  #vector(count: number, types: readonly number[] = TYPES): unknown {
    const type = this.#random.pick(types)
    if (type === CHAR) return this.#chars(count)
    const items = this.#items(type, count)
    return type === BYTE ? Uint8Array.from(items as number[]) : items
  }

  #items(type: number, count: number): unknown[] {
    this.#head(type, count)
    return Array.from({ length: count }, () => this.#item(type))
  }

  #head(type: number, count: number): void {
    this.#sink.byte(type)
    this.#attribute()
    this.#sink.int32(count)
  }

  #attribute(): void {
    this.#sink.byte(this.#random.oneIn(4) ? this.#random.below(5) : 0)
  }

  #chars(count: number): string {
    const text = this.#random.text(count)
    this.#sink.byte(CHAR)
    this.#attribute()
    this.#sink.int32(Buffer.byteLength(text))
    this.#sink.text(text)
    return text
  }

  #symbol(): string {
    const text = this.#random.text(6)
    this.#sink.text(text)
    this.#sink.byte(0)
    return text
  }

  #list(count: number, depth: number): unknown[] {
    this.#head(0, count)
    return Array.from({ length: count }, () => this.value(depth - 1))
  }

  /** List, table or vector with `count` items. */
  #column(count: number, depth: number): unknown[] | Uint8Array | QTable {
    const kind = this.#random.below(6)
    if (kind === 0 && depth > 0) return this.#list(count, depth)
    if (kind === 1 && depth > 0) return this.#table(count, depth)
    return this.#vector(count, COLUMN_TYPES) as unknown[] | Uint8Array
  }

  #table(count: number, depth: number): QTable {
    const names = this.#names(1 + this.#random.below(3))
    this.#sink.byte(98)
    this.#attribute()
    this.#sink.byte(this.#random.oneIn(8) ? 127 : 99)
    this.#writeNames(names)
    this.#head(0, names.length)
    return new QTable(Object.fromEntries(names.map((name) => [name, this.#column(count, depth - 1)])))
  }

  #keyed(depth: number): QKeyedTable {
    const count = this.#length()
    this.#sink.byte(this.#random.oneIn(8) ? 127 : 99)
    return new QKeyedTable(this.#table(count, depth), this.#table(count, depth))
  }

  #dict(depth: number): unknown {
    const names = this.#names(this.#length())
    this.#sink.byte(this.#random.oneIn(8) ? 127 : 99)
    if (this.#random.oneIn(2)) return this.#record(names, depth)
    return new QDict(this.#items(6, names.length), this.#column(names.length, depth - 1))
  }

  #record(names: readonly string[], depth: number): object {
    this.#writeNames(names)
    const values = [...this.#column(names.length, depth - 1)]
    const record = Object.create(null)
    names.forEach((name, i) => {
      record[name] = values[i]
    })
    return record
  }

  /** Distinct names that keep their order in an object. */
  #names(count: number): string[] {
    return Array.from({ length: count }, (_, i) => `${this.#random.text(2)}_${i}`)
  }

  #writeNames(names: readonly string[]): void {
    this.#head(SYMBOL, names.length)
    for (const name of names) {
      this.#sink.text(name)
      this.#sink.byte(0)
    }
  }

  #function(depth: number): QFunction | null {
    const type = 100 + this.#random.below(12)
    this.#sink.byte(type)
    if (type === 100) {
      const context = this.#symbol()
      return new QFunction({ type, source: this.#chars(12), context })
    }
    if (type <= 103) {
      const code = this.#random.below(256)
      this.#sink.byte(code)
      return type === 101 && code === 0 ? null : new QFunction({ type: type as 101, code })
    }
    const count = type <= 105 ? this.#random.below(4) : 1
    if (type <= 105) this.#sink.int32(count)
    return new QFunction({
      type: type as 104,
      parts: Array.from({ length: count }, () => this.value(depth - 1)),
    })
  }

  #item(type: number): unknown {
    const random = this.#random
    const sink = this.#sink
    switch (type) {
      case 1: {
        const bit = random.below(2)
        sink.byte(bit)
        return bit === 1
      }
      case 2:
        return this.#guid()
      case BYTE: {
        const byte = random.below(256)
        sink.byte(byte)
        return byte
      }
      case 5: {
        const short = random.oneIn(8) ? random.pick([-32768, -32767, 32767]) : (random.uint32() << 16) >> 16
        sink.int16(short)
        return natural(short, 32767)
      }
      case 7: {
        const long = this.#long()
        sink.int64(long)
        return naturalLong(long)
      }
      case 8: {
        const real = Math.fround(random.float64())
        sink.float32(real)
        return Number.isNaN(real) ? null : real
      }
      case 9: {
        const float = random.float64()
        sink.float64(float)
        return Number.isNaN(float) ? null : float
      }
      case CHAR: {
        const code = random.below(256)
        sink.byte(code)
        return String.fromCharCode(code)
      }
      case SYMBOL:
        return this.#symbol()
      case 12:
      case 16: {
        const count = this.#long()
        sink.int64(count)
        return count < -MOST_LONG ? null : new QTemporal(type === 12 ? 'timestamp' : 'timespan', count)
      }
      case 15: {
        const days = random.float64()
        sink.float64(days)
        return Number.isNaN(days) ? null : new QTemporal('datetime', days)
      }
      default: {
        const count = random.oneIn(8) ? random.pick([-(2 ** 31), 1 - 2 ** 31, 2 ** 31 - 1]) : random.int32()
        sink.int32(count)
        if (type === 6) return natural(count, 2 ** 31 - 1)
        return count === -(2 ** 31) ? null : new QTemporal(TEMPORALS[type] as 'date', count)
      }
    }
  }

  #long(): bigint {
    return this.#random.oneIn(8)
      ? this.#random.pick([-MOST_LONG - 1n, -MOST_LONG, MOST_LONG, 2n ** 53n, 2n ** 53n - 1n, 1n - 2n ** 53n])
      : this.#random.bigint64()
  }

  #guid(): string | null {
    const isNull = this.#random.oneIn(4)
    const bytes = Uint8Array.from({ length: 16 }, () => (isNull ? 0 : 1 + this.#random.below(255)))
    for (const byte of bytes) this.#sink.byte(byte)
    const hex = Buffer.from(bytes).toString('hex')
    return isNull ? null : hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
  }
}

const BYTE = 4
const CHAR = 10
const SYMBOL = 11
const MOST_LONG = 2n ** 63n - 1n
const TYPES = [1, 2, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19]
const COLUMN_TYPES = TYPES.filter((type) => type !== CHAR)
const TEMPORALS: Record<number, QTemporalType> = {
  13: 'month',
  14: 'date',
  17: 'minute',
  18: 'second',
  19: 'time',
}

function natural(count: number, max: number): number | null {
  if (Math.abs(count) === max) return count > 0 ? Infinity : -Infinity
  return count < -max ? null : count
}

function naturalLong(count: bigint): number | bigint | null {
  if (count < -MOST_LONG) return null
  if (count === MOST_LONG || count === -MOST_LONG) return count > 0n ? Infinity : -Infinity
  return Number.isSafeInteger(Number(count)) ? Number(count) : count
}
