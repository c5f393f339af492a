import { BINARY, LAMBDA, TERNARY, UNARY } from './types.js'
import { QValue } from './values.js'

/** What a function of q is made of, by its type. */
export type QFunctionParts =
  /** A lambda: its source, and the context it belongs to, such as `''` or `'q'`. */
  | { readonly type: 100; readonly source: string; readonly context: string }
  /** A primitive of one, two or three arguments, such as `neg`, `+` or `/`, by its number. */
  | { readonly type: 101 | 102 | 103; readonly code: number }
  /** A projection of the first part, or a composition of all. */
  | { readonly type: 104 | 105; readonly parts: readonly unknown[] }
  /** What `'`, `/`, `\`, `':`, `/:` and `\:` make, in this order, of the only part. */
  | { readonly type: 106 | 107 | 108 | 109 | 110 | 111; readonly parts: readonly unknown[] }

/** A function of q. It cannot be called here; sent back, it is what it was. */
export class QFunction extends QValue {
  readonly is: QFunctionParts

  constructor(is: QFunctionParts) {
    super()
    this.is = is
  }

  /** The number of its type, 100 to 111. */
  get type(): QFunctionParts['type'] {
    return this.is.type
  }

  /** As q shows it, where its name is known here: lambdas, and primitives that are written as signs. */
  get source(): string | undefined {
    const { is } = this
    if (is.type === LAMBDA) return is.source
    if (is.type === UNARY) return is.code === 0 ? '::' : withColon(SIGNS[is.code])
    if (is.type === BINARY) return SIGNS[is.code]
    return is.type === TERNARY ? ITERATORS[is.code] : undefined
  }
}

/** Primitives of two arguments, by number. Of one argument it is the same with a colon behind. */
const SIGNS = [...':+-*%&|^=<>$,#_~!?@.', '0:', '1:', '2:']
const ITERATORS = ["'", '/', '\\', "':", '/:', '\\:']

function withColon(sign: string | undefined): string | undefined {
  return sign === undefined ? undefined : `${sign}:`
}
