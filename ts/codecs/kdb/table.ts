import { shown } from '../../options/validate.js'
import { QList, QValue } from './values.js'

/** Row of a table: an object without a prototype. */
export type QRow = Record<string, unknown>

/** Column of a table: anything with a length whose items have an index. */
export type QColumn = ArrayLike<unknown> | QTable | QList

/** Table of q. Iterates over its rows. */
export class QTable extends QValue implements Iterable<QRow> {
  /** Columns by name, in order. An object without a prototype. */
  readonly columns: Readonly<Record<string, QColumn>>
  /** Number of rows. */
  readonly length: number

  /**
  @throws {TypeError} if a column is not a list.
  @throws {RangeError} if the columns differ in length.
  */
  constructor(columns: Readonly<Record<string, QColumn>>) {
    super()
    const names = Object.keys(columns)
    this.columns = Object.assign(Object.create(null), columns)
    this.length = names.length === 0 ? 0 : lengthOf(columns[names[0] as string], names[0] as string)
    for (const name of names) {
      const length = lengthOf(columns[name], name)
      if (length !== this.length) {
        throw new RangeError(`Expected column \`${name}\` to have ${this.length} items, got ${length}`)
      }
    }
  }

  /** Returns the row at `index`, counted from 0; undefined if there is none. */
  at(index: number): QRow | undefined {
    if (!(Number.isInteger(index) && index >= 0 && index < this.length)) return undefined
    const row: QRow = Object.create(null)
    for (const name in this.columns) row[name] = itemOf(this.columns[name] as QColumn, index)
    return row
  }

  /** Returns all rows, as new objects. */
  rows(): QRow[] {
    return [...this]
  }

  /** Iterates over the rows. */
  *[Symbol.iterator](): Generator<QRow> {
    for (let index = 0; index < this.length; index++) yield this.at(index) as QRow
  }

  /** Returns {@link rows}. */
  toJSON(): QRow[] {
    return this.rows()
  }
}

/** Keyed table of q. Iterates over pairs of rows: one of the key columns, and one of the other columns. */
export class QKeyedTable extends QValue implements Iterable<[key: QRow, value: QRow]> {
  /** Key columns. */
  readonly keys: QTable
  /** The other columns. */
  readonly values: QTable

  /** @throws {RangeError} if the tables differ in length. */
  constructor(keys: QTable, values: QTable) {
    super()
    if (keys.length !== values.length) {
      throw new RangeError(`Expected as many values as keys, ${keys.length}, got ${values.length}`)
    }
    this.keys = keys
    this.values = values
  }

  /** Number of rows. */
  get length(): number {
    return this.keys.length
  }

  /** Iterates over pairs of rows: one of the key columns, and one of the other columns. */
  *[Symbol.iterator](): Generator<[key: QRow, value: QRow]> {
    for (let index = 0; index < this.length; index++) {
      yield [this.keys.at(index) as QRow, this.values.at(index) as QRow]
    }
  }

  /** Returns all rows, each with the columns of its key and of its value. */
  rows(): QRow[] {
    return Array.from(this, ([key, value]) => Object.assign(key, value))
  }

  /** Returns {@link rows}. */
  toJSON(): QRow[] {
    return this.rows()
  }
}

function lengthOf(column: unknown, name: string): number {
  const length = (column as { length?: unknown } | null | undefined)?.length
  if (Number.isInteger(length)) return length as number
  throw new TypeError(`Expected column \`${name}\` to be a list, got ${shown(column)}`)
}

/** Returns the item of a column at `index`; for a table, the row. */
export function itemOf(column: QColumn, index: number): unknown {
  if (column instanceof QTable) return column.at(index)
  return column instanceof QList ? column.values[index] : column[index]
}
