import { QDict } from './dict.js'
import type { Reader } from './reader.js'
import { itemOf, type QColumn, QKeyedTable, type QRow, QTable } from './table.js'
import { TYPES } from './types.js'

/** Number of properties that V8 can safely hold in one object. */
const MOST_NAMES = 2 ** 23

/** Decoder of the message that contains the dict. */
interface Columns {
  readonly reader: Reader
  column(): QColumn
}

/** Decodes a dict whose type has been read. */
export function decodeDict(decoder: Columns): QRow | QDict | QKeyedTable {
  const { reader } = decoder
  const areNames = reader.peek() === TYPES.symbol
  const keys = decoder.column()
  const values = decoder.column()
  if (keys.length !== values.length) throw reader.wrong('Keys and values of a dict do not match')
  if (keys instanceof QTable && values instanceof QTable) return new QKeyedTable(keys, values)
  if (!areNames) return new QDict(keys, values)
  if (keys.length > MOST_NAMES) throw reader.wrong(`A dict has too many names (${keys.length})`)
  return recordOf(keys as readonly string[], values)
}

function recordOf(names: readonly string[], values: QColumn): QRow {
  // Without a prototype, no name is special.
  const record: QRow = Object.create(null)
  for (let i = 0; i < names.length; i++) {
    const name = names[i] as string
    // If two names are equal, q finds the first.
    if (!(name in record)) record[name] = itemOf(values, i)
  }
  return record
}
