/** One value of a table. */
export type Cell = string | number | Date | null

/** Type of a column's values: names, text, integers, other numbers, times. */
export type ColumnType = 'symbol' | 'text' | 'long' | 'float' | 'timestamp'

export interface Column {
  readonly name: string
  readonly type: ColumnType
}

/** Table that answers a query. Each protocol encodes it in its own way. */
export class Rows {
  readonly columns: readonly Column[]
  readonly cells: ReadonlyArray<readonly Cell[]>

  constructor(columns: readonly Column[], cells: ReadonlyArray<readonly Cell[]>) {
    this.columns = columns
    this.cells = cells
  }

  /** Returns a record for each row. */
  toJSON(): Array<Record<string, Cell>> {
    return this.cells.map((row) =>
      Object.fromEntries(this.columns.map(({ name }, i) => [name, row[i] ?? null])),
    )
  }
}
