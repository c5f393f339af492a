import { shown } from '../../validate.js'
import { QList, QValue } from './values.js'

/** One row of a table: an object without a prototype. */
export type QRow = Record<string, unknown>

/** What a column may be: anything with a length whose items are found by index. */
export type QColumn = ArrayLike<unknown> | QTable | QList

/** A table of q. It iterates over its rows. */
export class QTable extends QValue implements Iterable<QRow> {
  /** By name, in order. Without a prototype. */
  readonly columns: Readonly<Record<string, QColumn>>
  /** How many rows there are. */
  readonly length: number

  /** @throws {TypeError} when a column is none, {@link RangeError} when they are not all of one length. */
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

  /** Row `index`, from 0 on; undefined when there is none. */
  at(index: number): QRow | undefined {
    if (!(Number.isInteger(index) && index >= 0 && index < this.length)) return undefined
    const row: QRow = Object.create(null)
    for (const name in this.columns) row[name] = itemOf(this.columns[name] as QColumn, index)
    return row
  }

  /** All rows, made anew. */
  rows(): QRow[] {
    return [...this]
  }

  *[Symbol.iterator](): Generator<QRow> {
    for (let index = 0; index < this.length; index++) yield this.at(index) as QRow
  }

  /** As {@link rows}. */
  toJSON(): QRow[] {
    return this.rows()
  }
}

/** A keyed table of q. It iterates over pairs of rows: of the key columns, and of the others. */
export class QKeyedTable extends QValue implements Iterable<[key: QRow, value: QRow]> {
  readonly keys: QTable
  readonly values: QTable

  /** @throws {RangeError} when they have not as many rows. */
  constructor(keys: QTable, values: QTable) {
    super()
    if (keys.length !== values.length) {
      throw new RangeError(`Expected as many values as keys, ${keys.length}, got ${values.length}`)
    }
    this.keys = keys
    this.values = values
  }

  /** How many rows there are. */
  get length(): number {
    return this.keys.length
  }

  *[Symbol.iterator](): Generator<[key: QRow, value: QRow]> {
    for (let index = 0; index < this.length; index++) {
      yield [this.keys.at(index) as QRow, this.values.at(index) as QRow]
    }
  }

  /** All rows, those of the keys and of the values in one. */
  rows(): QRow[] {
    return Array.from(this, ([key, value]) => Object.assign(key, value))
  }

  /** As {@link rows}. */
  toJSON(): QRow[] {
    return this.rows()
  }
}

function lengthOf(column: unknown, name: string): number {
  const length = (column as { length?: unknown } | null | undefined)?.length
  if (Number.isInteger(length)) return length as number
  throw new TypeError(`Expected column \`${name}\` to be a list, got ${shown(column)}`)
}

/** Of a table the row. */
export function itemOf(column: QColumn, index: number): unknown {
  if (column instanceof QTable) return column.at(index)
  return column instanceof QList ? column.values[index] : column[index]
}
