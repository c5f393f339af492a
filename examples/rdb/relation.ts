import { QueryError } from './errors.js'
import { type Cell, type Column, Rows } from './rows.js'

/** Column with access to its values. Times are in milliseconds since 1970, which sort correctly. */
export interface Field<T> extends Column {
  of(item: T, index: number): string | number | null
}

export interface RelationOptions<T> {
  name: string
  about: string
  items: () => readonly T[]
  fields: ReadonlyArray<Field<T>>
}

/** Range of rows of a table. Without a sort, they are in order of insertion. */
export interface Page {
  from: number
  count: number
  /** Name of a column, with a leading `-` for descending order; '' for none. */
  sort: string
}

const ROWS_PER_CHUNK = 1000

/** Data that can be read as a table. */
export class Relation<T = never> {
  readonly name: string
  readonly about: string
  readonly #items: () => readonly T[]
  readonly #fields: ReadonlyArray<Field<T>>

  constructor({ name, about, items, fields }: RelationOptions<T>) {
    this.name = name
    this.about = about
    this.#items = items
    this.#fields = fields
  }

  get columns(): readonly Column[] {
    return this.#fields
  }

  count(): number {
    return this.#items().length
  }

  page({ from, count, sort }: Page): Rows {
    const items = this.#items()
    const order = sort === '' ? undefined : this.#order(items, sort)
    const length = Math.max(0, Math.min(count, items.length - from))
    const cells = Array.from({ length }, (_, i) => {
      const index = order?.[from + i] ?? from + i
      return this.#row(items[index] as T, index)
    })
    return new Rows(this.#fields, cells)
  }

  /** Yields all rows in chunks. */
  *chunks(): Generator<Rows> {
    for (let from = 0; from < this.count(); from += ROWS_PER_CHUNK) {
      yield this.page({ from, count: ROWS_PER_CHUNK, sort: '' })
    }
  }

  #row(item: T, index: number): Cell[] {
    return this.#fields.map((field) => {
      const value = field.of(item, index)
      return field.type === 'timestamp' && value !== null ? new Date(value) : value
    })
  }

  /** Row numbers sorted by a column. The sort is stable. */
  #order(items: readonly T[], sort: string): Uint32Array {
    const descending = sort.startsWith('-')
    const name = descending ? sort.slice(1) : sort
    const field = this.#fields.find((other) => other.name === name)
    if (!field) {
      const names = this.#fields.map((other) => other.name).join(', ')
      throw new QueryError(`Expected a column of ${this.name} to sort by (${names}), got \`${name}\``)
    }
    const keys = items.map((item, index) => field.of(item, index))
    const sign = descending ? -1 : 1
    return Uint32Array.from(keys.keys()).sort(
      (a, b) => sign * compare(keys[a] ?? null, keys[b] ?? null) || a - b,
    )
  }
}

/** Nulls come first, as in q. */
function compare(a: string | number | null, b: string | number | null): number {
  if (a === b) return 0
  if (a === null) return -1
  if (b === null) return 1
  return a < b ? -1 : 1
}
