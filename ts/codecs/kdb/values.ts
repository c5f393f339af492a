import type { QType } from './types.js'

/** Values of q that are no mere objects: a dict is not made of their properties. */
export abstract class QValue {
  get [Symbol.toStringTag](): string {
    return this.constructor.name
  }
}

/** One value of just this type of q. Made by {@link q}; decoding gives plain values instead. */
export class QAtom<Type extends QType = QType> extends QValue {
  readonly type: Type
  /** Null is the type's null, Infinity its infinity where it has one. */
  readonly value: unknown

  constructor(type: Type, value: unknown) {
    super()
    this.type = type
    this.value = value
  }
}

/** A list of just this type of q: a vector, or with `'any'` a general list. Made by {@link q.list}. */
export class QList<Type extends QType | 'any' = QType | 'any'> extends QValue {
  readonly type: Type
  readonly values: ArrayLike<unknown>

  constructor(type: Type, values: ArrayLike<unknown>) {
    super()
    this.type = type
    this.values = values
  }

  /** How many items there are. */
  get length(): number {
    return this.values.length
  }
}
