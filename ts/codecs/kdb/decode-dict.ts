import type { Decoder } from './decode.js'
import { type QColumn, QKeyedTable, type QRow, QTable } from './table.js'
import { TYPES } from './types.js'

/** What V8 can surely hold in one map. */
const MOST_KEYS = 2 ** 23

/** A dict, of which the type has been read. */
export function decodeDict(decoder: Decoder): Map<unknown, unknown> | QRow | QKeyedTable {
  const { reader } = decoder
  const areNames = reader.peek() === TYPES.symbol
  const keys = decoder.column()
  const values = decoder.column()
  if (keys.length !== values.length) throw reader.wrong('Keys and values of a dict do not match')
  if (keys instanceof QTable && values instanceof QTable) return new QKeyedTable(keys, values)
  if (keys.length > MOST_KEYS) throw reader.wrong(`${keys.length} keys are too many`)
  return areNames ? recordOf(keys as readonly string[], values) : mapOf(keys, values)
}

function recordOf(names: readonly string[], values: QColumn): QRow {
  // Without a prototype: any name is as good as another.
  const record: QRow = Object.create(null)
  for (let i = 0; i < names.length; i++) {
    const name = names[i] as string
    // Of two of one name q finds the first.
    if (!(name in record)) record[name] = itemAt(values, i)
  }
  return record
}

function mapOf(keys: QColumn, values: QColumn): Map<unknown, unknown> {
  const map = new Map<unknown, unknown>()
  for (let i = 0; i < keys.length; i++) {
    const key = itemAt(keys, i)
    if (!map.has(key)) map.set(key, itemAt(values, i))
  }
  return map
}

function itemAt(column: QColumn, index: number): unknown {
  return column instanceof QTable ? column.at(index) : (column as ArrayLike<unknown>)[index]
}
