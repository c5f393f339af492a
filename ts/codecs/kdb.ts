import { rehearseForClones } from '../clone-context/ahead.js'
import type { Codec } from './codec.js'
import { KdbConversation } from './kdb/conversation.js'
import { decodeSample } from './kdb/message.js'
import { type KdbOptions, readOptions } from './kdb/options.js'

export { QDict } from './kdb/dict.js'
export { QFunction, type QFunctionParts } from './kdb/function.js'
export type { KdbOptions } from './kdb/options.js'
export { q } from './kdb/q.js'
export { type QColumn, QKeyedTable, type QRow, QTable } from './kdb/table.js'
export { QTemporal } from './kdb/temporal.js'
export type { QTemporalType, QType } from './kdb/types.js'
export { QAtom, QList } from './kdb/values.js'

/**
The protocol that clients of kdb+ speak: q itself, and its libraries for other languages.

@throws {TypeError} or {@link RangeError} on an option that is unknown or of no use.
*/
export function kdb(options: KdbOptions = {}): Codec {
  const known = readOptions(options)
  rehearseForClones(decodeSample)
  return { name: 'kdb', open: () => new KdbConversation(known) }
}
