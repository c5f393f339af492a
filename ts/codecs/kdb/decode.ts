import type { ProtocolError } from '../codec.js'
import { decodeDict } from './decode-dict.js'
import { ITEM } from './decode-items.js'
import { QFunction, type QFunctionParts } from './function.js'
import type { Reader } from './reader.js'
import { type QColumn, QTable } from './table.js'
import {
  BINARY,
  COMPOSITION,
  DICT,
  ERROR,
  GENERIC_NULL,
  LAMBDA,
  LAST_DERIVED,
  LIST,
  NAMES,
  PROJECTION,
  SIZES,
  SORTED_DICT,
  TABLE,
  TERNARY,
  TYPES,
  UNARY,
} from './types.js'

/** Minimum size of a value in a list: its type and a byte. */
const LEAST_VALUE_BYTES = 2
/** Maximum number of functions in a message. Each takes a few bytes of it, and dozens of times as much memory. */
const MOST_FUNCTIONS = 2 ** 16

/**
Number of items that a list, byte vector, dict, table or function counts for, besides its own items. Even an empty
object takes several times the memory of a number.
*/
const COMPOSITE_ITEMS = 4

/** Bounds of a decoded message. */
export interface DecodeBounds {
  /** Maximum nesting of lists, dicts, tables and functions. */
  readonly maxDepth: number
  /** Maximum number of items of all values together. */
  readonly maxItems: number
}

/**
Decodes a message to plain values.

@throws {ProtocolError} if the message is not a value of q, continues after it, or exceeds the bounds.
*/
export function decode(reader: Reader, bounds: DecodeBounds): unknown {
  const decoder = new Decoder(reader, bounds)
  const value = decoder.message()
  if (reader.left > 0) throw reader.wrong('There is more than one value')
  return value
}

/** Decoder of one message, with the remainder of its bounds. */
export class Decoder {
  readonly reader: Reader
  readonly #maxItems: number
  #itemsLeft: number
  #depthLeft: number
  #functionsLeft = MOST_FUNCTIONS

  constructor(reader: Reader, { maxDepth, maxItems }: DecodeBounds) {
    this.reader = reader
    this.#maxItems = maxItems
    this.#itemsLeft = maxItems
    this.#depthLeft = maxDepth
  }

  /** Counts items before memory is allocated for them. */
  #count(items: number): void {
    this.#itemsLeft -= items
    if (this.#itemsLeft < 0)
      throw this.reader.wrong(`There are more than the ${this.#maxItems} items allowed`)
  }

  /** Decodes any value, or an error, which only a whole message can be. */
  message(): unknown {
    const type = this.reader.int8()
    return type === ERROR ? new Error(this.reader.symbol()) : this.#valueOf(type)
  }

  value(): unknown {
    return this.#valueOf(this.reader.int8())
  }

  #valueOf(type: number): unknown {
    if (type < 0) return this.#atom(-type)
    if (type > LIST && type < NAMES.length) return this.#vector(type)
    if (type === UNARY || type === BINARY || type === TERNARY) return this.#primitive(type)
    if (--this.#depthLeft < 0) throw this.reader.wrong('It is nested too deep')
    this.#count(COMPOSITE_ITEMS)
    const value = this.#nested(type)
    this.#depthLeft++
    return value
  }

  #nested(type: number): unknown {
    if (type === LIST) return this.#list()
    if (type === TABLE) return this.#table()
    if (type === DICT || type === SORTED_DICT) return decodeDict(this)
    if (type === LAMBDA) return this.#lambda()
    if (type === PROJECTION || type === COMPOSITION) {
      return this.#function({ type, parts: this.#values(this.reader.count(LEAST_VALUE_BYTES)) })
    }
    if (type > COMPOSITION && type <= LAST_DERIVED) {
      return this.#function({ type, parts: [this.value()] } as QFunctionParts)
    }
    throw this.#unknown(type)
  }

  #atom(type: number): unknown {
    const name = NAMES[type]
    if (!name) throw this.#unknown(-type)
    this.#count(1)
    return ITEM[name](this.reader)
  }

  #vector(type: number): unknown {
    const name = NAMES[type]
    if (!name) throw this.#unknown(type)
    this.attribute()
    const count = this.reader.count(SIZES[type] as number)
    if (name === 'char') {
      this.#count(1)
      return this.reader.text(count)
    }
    if (name !== 'byte') return this.#items(type, count)
    this.#count(COMPOSITE_ITEMS)
    return this.reader.bytes(count)
  }

  #items(type: number, count: number): unknown[] {
    this.#count(COMPOSITE_ITEMS + count)
    const read = ITEM[NAMES[type] as keyof typeof ITEM]
    const items: unknown[] = []
    for (let i = 0; i < count; i++) items.push(read(this.reader))
    return items
  }

  #list(): unknown[] {
    this.attribute()
    return this.#values(this.reader.count(LEAST_VALUE_BYTES))
  }

  #values(count: number): unknown[] {
    const values: unknown[] = []
    for (let i = 0; i < count; i++) values.push(this.value())
    return values
  }

  /** Decodes a list as a column. A char vector becomes a list of chars, since decoded text can have fewer. */
  column(): QColumn {
    const type = this.reader.int8()
    if (type === TYPES.char) {
      this.attribute()
      return this.#items(type, this.reader.count(1)) as string[]
    }
    if (type < LIST || (type >= NAMES.length && type !== TABLE)) throw this.#unknown(type, 'a list')
    return this.#valueOf(type) as QColumn
  }

  /** Decodes the names of a table's columns. */
  #names(): string[] {
    if (this.reader.int8() !== TYPES.symbol) throw this.reader.wrong('Columns have no names')
    this.attribute()
    return this.#items(TYPES.symbol, this.reader.count(1)) as string[]
  }

  #table(): QTable {
    const { reader } = this
    this.attribute()
    const type = reader.int8()
    if (type !== DICT && type !== SORTED_DICT) throw this.#unknown(type, "a table's columns")
    const names = this.#names()
    if (reader.int8() !== LIST) throw reader.wrong('A table has no columns')
    this.attribute()
    if (reader.count(LEAST_VALUE_BYTES) !== names.length) throw reader.wrong('Columns and names do not match')
    const columns: Record<string, QColumn> = Object.create(null)
    let length: number | undefined
    for (const name of names) {
      const column = this.column()
      length ??= column.length
      if (column.length !== length) throw reader.wrong('Columns differ in length')
      // If two names are equal, q finds the first.
      if (!(name in columns)) columns[name] = column
    }
    return new QTable(columns)
  }

  #lambda(): QFunction {
    const context = this.reader.symbol()
    if (this.reader.int8() !== TYPES.char) throw this.reader.wrong('A lambda has no source')
    this.attribute()
    return this.#function({ type: LAMBDA, source: this.reader.text(this.reader.count(1)), context })
  }

  #primitive(type: typeof UNARY | typeof BINARY | typeof TERNARY): QFunction | null {
    this.#count(COMPOSITE_ITEMS)
    const code = this.reader.byte()
    return type === UNARY && code === GENERIC_NULL ? null : this.#function({ type, code })
  }

  #function(is: QFunctionParts): QFunction {
    if (--this.#functionsLeft < 0) throw this.reader.wrong('There are too many functions')
    return new QFunction(is)
  }

  /** Skips the attribute of a list, such as sorted. */
  attribute(): void {
    this.reader.byte()
  }

  #unknown(type: number, whose?: string): ProtocolError {
    return this.reader.wrong(whose ? `${type} is not the type of ${whose}` : `${type} is not a known type`)
  }
}
