import { BINARY, LAMBDA, TERNARY, UNARY } from './types.js'
import { QValue } from './values.js'

/** Parts of a function of q, by its type. */
export type QFunctionParts =
  /** Lambda: its source and its context, such as `''` or `'q'`. */
  | {
      /** q's number for lambdas. */
      readonly type: 100
      /** Source, such as `'{x+y}'`. */
      readonly source: string
      /** Context in which its names are looked up. */
      readonly context: string
    }
  /** Primitive of one, two or three arguments, such as `neg`, `+` or `/`, by its number. */
  | {
      /** q's number for primitives of one, two or three arguments. */
      readonly type: 101 | 102 | 103
      /** Number of the primitive within its type. */
      readonly code: number
    }
  /** Projection of the first part, or composition of all parts. */
  | {
      /** q's number for projections or compositions. */
      readonly type: 104 | 105
      /** Function and arguments of a projection, or the functions of a composition. */
      readonly parts: readonly unknown[]
    }
  /** Derived function: the only part with `'`, `/`, `\`, `':`, `/:` or `\:`, in this order of types. */
  | {
      /** q's number for functions derived by an iterator. */
      readonly type: 106 | 107 | 108 | 109 | 110 | 111
      /** The function, as the only part. */
      readonly parts: readonly unknown[]
    }

/** Function of q. It cannot be called. When sent back to q, it is the same function. */
export class QFunction extends QValue {
  /** Parts of the function. */
  readonly is: QFunctionParts

  constructor(is: QFunctionParts) {
    super()
    this.is = is
  }

  /** Number of its type, 100 to 111. */
  get type(): QFunctionParts['type'] {
    return this.is.type
  }

  /** Text as q shows it, for lambdas and primitives written as signs; otherwise undefined. */
  get source(): string | undefined {
    const { is } = this
    if (is.type === LAMBDA) return is.source
    if (is.type === UNARY) return is.code === 0 ? '::' : withColon(SIGNS[is.code])
    if (is.type === BINARY) return SIGNS[is.code]
    return is.type === TERNARY ? ITERATORS[is.code] : undefined
  }
}

/** Primitives of two arguments, by number. Those of one argument have a colon appended. */
const SIGNS = [...':+-*%&|^=<>$,#_~!?@.', '0:', '1:', '2:']
const ITERATORS = ["'", '/', '\\', "':", '/:', '\\:']

function withColon(sign: string | undefined): string | undefined {
  return sign === undefined ? undefined : `${sign}:`
}
