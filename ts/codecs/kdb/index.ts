import { rehearseForClones } from '../../in-clone/precompile.js'
import type { Codec } from '../codec.js'
import { KdbConversation } from './conversation.js'
import { decodeSample } from './message.js'
import { type KdbOptions, readOptions } from './options.js'

export type { Codec } from '../codec.js'
export type { KdbAddress } from './address.js'
export { QDict } from './dict.js'
export { QFunction, type QFunctionParts } from './function.js'
export type { KdbOptions } from './options.js'
export { type QNumber, q } from './q.js'
export { QError } from './q-error.js'
export { request } from './request.js'
export type { KdbRequestOptions } from './request-options.js'
export { type QColumn, QKeyedTable, type QRow, QTable } from './table.js'
export { QTemporal } from './temporal.js'
export type { QTemporalType, QType } from './types.js'
export { QAtom, QList, type QValue } from './values.js'

/**
Creates a codec for the IPC protocol of kdb+, spoken by q itself and by its client libraries for other languages.

@throws {TypeError} or {@link RangeError} if an option is unknown or invalid.

@example
```js
import { createServer } from 'node:net'
import { cloneQueries } from 'node-qclone'
import { kdb, q } from 'node-qclone/kdb'

const server = createServer()
cloneQueries(server, {
  codec: kdb({ authenticate: (user, password) => user === 'me' && password === 'secret' }),
  evaluate: () => q.table({ sym: q.symbols(['a', 'b']), size: [100, 250] }),
})
```
*/
export function kdb(options: KdbOptions = {}): Codec {
  const known = readOptions(options)
  rehearseForClones(decodeSample)
  return { name: 'kdb', open: (state) => new KdbConversation(known, state) }
}
