import { itemOf, type QColumn } from './table.js'
import { QValue } from './values.js'

/**
Dictionary of q whose keys are not symbols. Iterates over pairs of key and value, in order.

It is not a Map, because a client could choose keys that make building a Map take forever, and because a key can occur
twice or be a row.
*/
export class QDict extends QValue implements Iterable<[key: unknown, value: unknown]> {
  /** Keys, in order. A key can occur twice. */
  readonly keys: QColumn
  /** Values, in the order of the keys. */
  readonly values: QColumn

  /** @throws {RangeError} if there are not as many values as keys. */
  constructor(keys: QColumn, values: QColumn) {
    super()
    if (keys.length !== values.length) {
      throw new RangeError(`Expected as many values as keys, ${keys.length}, got ${values.length}`)
    }
    this.keys = keys
    this.values = values
  }

  /** Number of keys. */
  get length(): number {
    return this.keys.length
  }

  /** Iterates over pairs of a key and its value, in order. */
  *[Symbol.iterator](): Generator<[key: unknown, value: unknown]> {
    for (let index = 0; index < this.length; index++) {
      yield [itemOf(this.keys, index), itemOf(this.values, index)]
    }
  }

  /** Converts to a Map. If two keys are equal, the first counts, as in q. Use only for keys from a trusted source. */
  toMap(): Map<unknown, unknown> {
    const map = new Map<unknown, unknown>()
    for (const [key, value] of this) if (!map.has(key)) map.set(key, value)
    return map
  }

  /** Returns pairs, since JSON has only strings as keys. */
  toJSON(): [key: unknown, value: unknown][] {
    return [...this]
  }
}
