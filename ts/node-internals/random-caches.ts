import { randomUUID } from 'node:crypto'
import { types } from 'node:util'
import { readScope } from './closure-variables.js'

/**
Returns the bytes that Node has drawn ahead for `randomUUID` and `randomInt`, which clones refill: variables of
`lib/internal/crypto/random.js`; Node 20 to 26.

@returns `undefined` if they cannot be found. A clone then uses up the drawn bytes, which takes a millisecond or two.
*/
export function findRandomCaches(): Uint8Array[] | undefined {
  // Node draws nothing, and has no cache, before the first use.
  randomUUID()
  try {
    const { uuidData, randomCache } = readScope(randomUUID, ['uuidData', 'randomCache'])
    const caches = [uuidData, randomCache]
    return caches.every(types.isUint8Array) ? (caches as Uint8Array[]) : undefined
  } catch {
    return undefined
  }
}
