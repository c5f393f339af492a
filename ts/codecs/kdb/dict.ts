import { itemOf, type QColumn } from './table.js'
import { QValue } from './values.js'

/**
A dict of q whose keys are no names. It iterates over pairs of a key and its value, in order.

It is no Map, as who sends the keys could choose them so that a Map of them takes for ever to be made; and a key may
come twice, or be a row.
*/
export class QDict extends QValue implements Iterable<[key: unknown, value: unknown]> {
  readonly keys: QColumn
  readonly values: QColumn

  /** @throws {RangeError} when there are not as many values as keys. */
  constructor(keys: QColumn, values: QColumn) {
    super()
    if (keys.length !== values.length) {
      throw new RangeError(`Expected as many values as keys, ${keys.length}, got ${values.length}`)
    }
    this.keys = keys
    this.values = values
  }

  /** How many keys there are. */
  get length(): number {
    return this.keys.length
  }

  *[Symbol.iterator](): Generator<[key: unknown, value: unknown]> {
    for (let index = 0; index < this.length; index++) {
      yield [itemOf(this.keys, index), itemOf(this.values, index)]
    }
  }

  /** A Map of them, in which as in q the first of two of one key counts. Only for keys of those you trust. */
  toMap(): Map<unknown, unknown> {
    const map = new Map<unknown, unknown>()
    for (const [key, value] of this) if (!map.has(key)) map.set(key, value)
    return map
  }

  /** Pairs, as JSON has no dict whose keys are no names. */
  toJSON(): [key: unknown, value: unknown][] {
    return [...this]
  }
}
