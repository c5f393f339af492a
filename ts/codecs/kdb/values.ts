import type { QType } from './types.js'

/** Value of q with its own class, so that it is not sent as a dict of its properties. */
export abstract class QValue {
  /** Name of the class, for `Object.prototype.toString`. */
  get [Symbol.toStringTag](): string {
    return this.constructor.name
  }
}

/** Single value of an explicit type. Made by {@link q}; decoding returns plain values instead. */
export class QAtom<Type extends QType = QType> extends QValue {
  /** Type of q. */
  readonly type: Type
  /** Value. `null` is the type's null, Infinity its infinity if it has one. */
  readonly value: unknown

  constructor(type: Type, value: unknown) {
    super()
    this.type = type
    this.value = value
  }
}

/** List of an explicit type: a vector, or with `'any'` a general list. Made by {@link q.list}. */
export class QList<Type extends QType | 'any' = QType | 'any'> extends QValue {
  /** Type of q. */
  readonly type: Type
  /** Items, as given to {@link q.list}. */
  readonly values: ArrayLike<unknown>

  constructor(type: Type, values: ArrayLike<unknown>) {
    super()
    this.type = type
    this.values = values
  }

  /** Number of items. */
  get length(): number {
    return this.values.length
  }
}
