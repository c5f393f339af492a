import { expectOneOf, expectString } from '../../validate.js'
import { QDict } from './dict.js'
import { QFunction } from './function.js'
import { rawOf } from './raw.js'
import { type QColumn, QKeyedTable, QTable } from './table.js'
import { QTemporal } from './temporal.js'
import { type QTemporalType, type QType, TYPES } from './types.js'
import { QAtom, QList } from './values.js'

/** A number, or what stands for the null and the infinities of its type. */
type Numeric = number | null

/**
Says of which type of q a value is, where the natural one would not do.

Null is the type's null, Infinity and -Infinity its infinities. What is no value of the type is a TypeError, what is
beyond its range a RangeError.
*/
export const q = {
  boolean: (value: boolean) => atom('boolean', value),
  /** Such as `'8c680a01-5a49-5aab-5a65-d4bfddb6a661'`. */
  guid: (value: string | null) => atom('guid', value),
  byte: (value: number) => atom('byte', value),
  short: (value: Numeric) => atom('short', value),
  int: (value: Numeric) => atom('int', value),
  long: (value: Numeric | bigint) => atom('long', value),
  real: (value: Numeric) => atom('real', value),
  float: (value: Numeric) => atom('float', value),
  /** Of one byte: up to U+00FF. */
  char: (value: string | null) => atom('char', value),
  symbol: (value: string | null) => atom('symbol', value),
  /** A Date, or nanoseconds since 2000-01-01. */
  timestamp: (value: Date | Numeric | bigint) => temporal('timestamp', value),
  /** A Date, or months since 2000-01. */
  month: (value: Date | Numeric) => temporal('month', value),
  /** A Date, or days since 2000-01-01. */
  date: (value: Date | Numeric) => temporal('date', value),
  /** A Date, or days and their fraction since 2000-01-01. */
  datetime: (value: Date | Numeric) => temporal('datetime', value),
  /** Nanoseconds. */
  timespan: (value: Numeric | bigint) => temporal('timespan', value),
  /** Minutes. */
  minute: (value: Numeric) => temporal('minute', value),
  /** Seconds. */
  second: (value: Numeric) => temporal('second', value),
  /** Milliseconds. */
  time: (value: Numeric) => temporal('time', value),

  /** A vector of items of one type, each as its maker takes it; or, with `'any'`, a general list of any values. */
  list: <Type extends QType | 'any'>(type: Type, values: ArrayLike<unknown>): QList<Type> => {
    expectOneOf(type, 'type', ['any', ...Object.keys(TYPES)])
    return new QList(type, values)
  },
  /** A vector of symbols: strings that are interned by whoever receives them. */
  symbols: (values: ArrayLike<string | null>) => new QList('symbol', values),
  /** A dict of the items of one list to those of another, or to the rows of a table. */
  dict: (keys: QColumn, values: QColumn) => new QDict(keys, values),
  /** A table of columns of one length. */
  table: (columns: Readonly<Record<string, QColumn>>) => new QTable(columns),
  /** A table with key columns. */
  keyed: (
    keys: Readonly<Record<string, QColumn>> | QTable,
    values: Readonly<Record<string, QColumn>> | QTable,
  ) => new QKeyedTable(tableOf(keys), tableOf(values)),
  /** A function by its source, such as `'{x+y}'`. */
  lambda: (source: string, context = ''): QFunction => {
    expectString(source, 'source')
    expectString(context, 'context')
    return new QFunction({ type: 100, source, context })
  },
} as const

function atom<Type extends QType>(type: Type, value: unknown): QAtom<Type> {
  rawOf(type, value)
  return new QAtom(type, value)
}

function temporal<Type extends QTemporalType>(type: Type, value: unknown): QTemporal<Type> {
  return new QTemporal(type, rawOf(type, value) as QTemporal<Type>['count'])
}

function tableOf(columns: Readonly<Record<string, QColumn>> | QTable): QTable {
  return columns instanceof QTable ? columns : new QTable(columns)
}
