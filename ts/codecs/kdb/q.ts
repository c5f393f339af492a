import { expectOneOf, expectString } from '../../options/validate.js'
import { QDict } from './dict.js'
import { QFunction } from './function.js'
import { rawOf } from './raw.js'
import { type QColumn, QKeyedTable, QTable } from './table.js'
import { QTemporal } from './temporal.js'
import { type QTemporalType, type QType, TYPES } from './types.js'
import { QAtom, QList } from './values.js'

/** Number, or `null` for the null of its type. Infinity and -Infinity are the infinities of its type. */
export type QNumber = number | null

/**
Functions that make values of each q type, for values whose type differs from the default one.

`null` is the type's null, Infinity and -Infinity its infinities. A value of another type throws a TypeError; a value
beyond the type's range throws a RangeError.

@example
```js
import { q } from 'node-qclone/kdb'

const trades = q.table({ sym: q.symbols(['a', 'b']), size: q.list('int', [100, 250]) })
console.log(trades.length) // 2
```
*/
export const q = {
  /** One bit. */
  boolean: (value: boolean) => atom('boolean', value),
  /** Text such as `'8c680a01-5a49-5aab-5a65-d4bfddb6a661'`. */
  guid: (value: string | null) => atom('guid', value),
  /** From 0 to 255. */
  byte: (value: number) => atom('byte', value),
  /** Integer of 16 bits. */
  short: (value: QNumber) => atom('short', value),
  /** Integer of 32 bits. */
  int: (value: QNumber) => atom('int', value),
  /** Integer of 64 bits. A bigint keeps all of them. */
  long: (value: QNumber | bigint) => atom('long', value),
  /** Floating point of 32 bits. */
  real: (value: QNumber) => atom('real', value),
  /** Floating point of 64 bits, like JavaScript numbers. */
  float: (value: QNumber) => atom('float', value),
  /** One byte: a character up to U+00FF. */
  char: (value: string | null) => atom('char', value),
  /** String that the receiver interns. */
  symbol: (value: string | null) => atom('symbol', value),
  /** Date, or nanoseconds since 2000-01-01. */
  timestamp: (value: Date | QNumber | bigint) => temporal('timestamp', value),
  /** Date, or months since 2000-01. */
  month: (value: Date | QNumber) => temporal('month', value),
  /** Date, or days since 2000-01-01. */
  date: (value: Date | QNumber) => temporal('date', value),
  /** Date, or days since 2000-01-01 with a fraction. */
  datetime: (value: Date | QNumber) => temporal('datetime', value),
  /** Nanoseconds. */
  timespan: (value: QNumber | bigint) => temporal('timespan', value),
  /** Minutes. */
  minute: (value: QNumber) => temporal('minute', value),
  /** Seconds. */
  second: (value: QNumber) => temporal('second', value),
  /** Milliseconds. */
  time: (value: QNumber) => temporal('time', value),

  /**
  Vector of one type, with items as the function of that type takes them; with `'any'`, a general list of any values.
  */
  list: <Type extends QType | 'any'>(type: Type, values: ArrayLike<unknown>): QList<Type> => {
    expectOneOf(type, 'type', ['any', ...Object.keys(TYPES)])
    return new QList(type, values)
  },
  /** Vector of symbols: strings that the receiver interns. */
  symbols: (values: ArrayLike<string | null>) => new QList('symbol', values),
  /** Dictionary from the items of one list to those of another, or to the rows of a table. */
  dict: (keys: QColumn, values: QColumn) => new QDict(keys, values),
  /** Table of columns of equal length. */
  table: (columns: Readonly<Record<string, QColumn>>) => new QTable(columns),
  /** Table with key columns. */
  keyed: (
    keys: Readonly<Record<string, QColumn>> | QTable,
    values: Readonly<Record<string, QColumn>> | QTable,
  ) => new QKeyedTable(tableOf(keys), tableOf(values)),
  /** Function by its source, such as `'{x+y}'`. */
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
