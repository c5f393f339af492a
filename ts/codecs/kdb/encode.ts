import { isNativeError } from 'node:util/types'
import { at, stepTo, Unsayable } from '../unencodable.js'
import { QDict } from './dict.js'
import { WRITE } from './encode-items.js'
import { QFunction } from './function.js'
import { CAPABILITY_OF_GUIDS, CAPABILITY_OF_TIMESTAMPS } from './greeting.js'
import { isRecord, kindOfList, kindOfValues } from './infer.js'
import { type QColumn, QKeyedTable, QTable } from './table.js'
import { QTemporal } from './temporal.js'
import {
  DICT,
  GENERIC_NULL,
  LAMBDA,
  LIST,
  PROJECTION,
  type QType,
  TABLE,
  TERNARY,
  TYPES,
  UNARY,
} from './types.js'
import { QAtom, QList } from './values.js'
import type { Writer } from './writer.js'

/**
Encoder of values. Throws {@link Unsayable} for a value that cannot be sent, or the error that a part of it throws.
*/
export class Encoder {
  readonly #writer: Writer
  readonly #maxDepth: number
  readonly #capability: number
  /** Values around the current one, outermost first. */
  readonly #around: object[] = []

  constructor(writer: Writer, maxDepth: number, capability: number) {
    this.#writer = writer
    this.#maxDepth = maxDepth
    this.#capability = capability
  }

  value(value: unknown): void {
    switch (typeof value) {
      case 'boolean':
        this.#atom('boolean', value)
        break
      case 'number':
        this.#atom(Number.isSafeInteger(value) ? 'long' : 'float', value)
        break
      case 'bigint':
        this.#atom('long', value)
        break
      case 'string':
        this.#string(value)
        break
      case 'undefined':
        this.#null()
        break
      case 'object':
        this.#object(value)
        break
      default:
        throw new Unsayable(`it is a ${typeof value}`)
    }
  }

  #null(): void {
    this.#writer.int8(UNARY)
    this.#writer.int8(GENERIC_NULL)
  }

  #string(text: string): void {
    this.#writer.int8(TYPES.char)
    this.#attribute()
    this.#writer.string(text)
  }

  #atom(type: QType, value: unknown): void {
    const known = this.#known(type, value)
    this.#writer.int8(-TYPES[known])
    WRITE[known](this.#writer, value)
  }

  #object(value: object | null): void {
    if (value === null) this.#null()
    else if (value instanceof QTemporal) this.#atom(value.type, value)
    else if (value instanceof QAtom) this.#atom(value.type, value.value)
    else if (value instanceof Date) this.#atom('timestamp', value)
    else if (ArrayBuffer.isView(value)) this.#view(value)
    else this.#whole(value)
  }

  /** Encodes a value that can have parts, and so can contain itself. */
  #whole(value: object): void {
    if (this.#around.includes(value)) throw new Unsayable('it contains itself')
    if (this.#around.length === this.#maxDepth) {
      throw new Unsayable(`it is nested deeper than ${this.#maxDepth}`)
    }
    this.#around.push(value)
    this.#nested(value)
    this.#around.pop()
  }

  #nested(value: object): void {
    if (Array.isArray(value)) this.#array(value)
    else if (value instanceof Map) this.#map(value)
    else if (value instanceof QList) this.#list(value)
    else if (value instanceof QTable) this.#table(value)
    else if (value instanceof QDict || value instanceof QKeyedTable) this.#dict(value)
    else if (value instanceof QFunction) this.#function(value)
    else if (isRecord(value)) this.#record(value)
    else
      throw new Unsayable(
        isNativeError(value) ? 'an error cannot be part of a value' : `it is of class ${nameOf(value)}`,
      )
  }

  /** Writes bytes as they are in memory: every supported CPU is little-endian. */
  #view(view: ArrayBufferView): void {
    const type = TYPE_OF_VIEW[Object.prototype.toString.call(view)]
    if (!type) throw new Unsayable(`it is of class ${nameOf(view)}`)
    const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength)
    this.#head(type, view.byteLength / (view as Uint8Array).BYTES_PER_ELEMENT)
    this.#writer.raw(bytes)
  }

  #array(items: readonly unknown[]): void {
    const kind = kindOfList(items)
    if (kind === 'table') this.#rows(items as readonly Record<string, unknown>[])
    else if (kind === 'any') this.#values(items)
    else this.#vector(kind, items)
  }

  #list({ type, values }: QList): void {
    if (type === 'any') this.#values(values)
    else this.#vector(type, values)
  }

  #vector(type: QType, items: ArrayLike<unknown>): void {
    const known = this.#known(type, items[0])
    const write = WRITE[known]
    this.#head(TYPES[known], items.length)
    let i = 0
    try {
      for (; i < items.length; i++) write(this.#writer, items[i])
    } catch (error) {
      throw at(stepTo(i), error)
    }
  }

  #values(values: ArrayLike<unknown>): void {
    this.#head(LIST, values.length)
    for (let i = 0; i < values.length; i++) this.#part(stepTo(i), values[i])
  }

  #rows(rows: readonly Record<string, unknown>[]): void {
    const names = Object.keys(rows[0] as object)
    this.#columns(names, (name) => {
      try {
        this.#array(rows.map((row) => row[name]))
      } catch (error) {
        // The step to the item of a column is the step to the row, which comes first.
        const unsayable = at(stepTo(name), error)
        const [column, row] = unsayable.steps
        if (column !== undefined && row !== undefined) unsayable.steps.splice(0, 2, row, column)
        throw unsayable
      }
    })
  }

  #table({ columns }: QTable): void {
    this.#columns(Object.keys(columns), (name) => {
      this.#column(`.columns${stepTo(name)}`, columns[name] as QColumn)
    })
  }

  #columns(names: readonly string[], write: (name: string) => void): void {
    this.#writer.int8(TABLE)
    this.#attribute()
    this.#writer.int8(DICT)
    this.#names(names)
    this.#head(LIST, names.length)
    for (const name of names) write(name)
  }

  /** Encodes a column. A string becomes its chars. */
  #column(step: string, column: unknown): void {
    this.#part(step, typeof column === 'string' ? new QList('char', column) : column)
  }

  #dict({ keys, values }: QDict | QKeyedTable): void {
    this.#writer.int8(DICT)
    this.#column('.keys', keys)
    this.#column('.values', values)
  }

  #map(map: ReadonlyMap<unknown, unknown>): void {
    const keys = [...map.keys()]
    const areNames = keys.length > 0 && keys.every((key) => typeof key === 'string')
    this.#writer.int8(DICT)
    this.#part('.keys()', areNames ? new QList('symbol', keys) : keys)
    this.#part('.values()', [...map.values()])
  }

  #record(record: Record<string, unknown>): void {
    const names = Object.keys(record)
    const values = names.map((name) => read(record, name))
    const type = kindOfValues(values)
    this.#writer.int8(DICT)
    this.#names(names)
    this.#head(type === 'any' ? LIST : TYPES[this.#known(type, values[0])], names.length)
    names.forEach((name, i) => {
      if (type === 'any') this.#part(stepTo(name), values[i])
      else this.#item(type, name, values[i])
    })
  }

  #item(type: QType, name: string, value: unknown): void {
    try {
      WRITE[this.#known(type, value)](this.#writer, value)
    } catch (error) {
      throw at(stepTo(name), error)
    }
  }

  #names(names: readonly string[]): void {
    this.#head(TYPES.symbol, names.length)
    for (const name of names) this.#item('symbol', name, name)
  }

  #function({ is }: QFunction): void {
    this.#writer.int8(is.type)
    if (is.type === LAMBDA) {
      WRITE.symbol(this.#writer, is.context)
      this.#string(is.source)
    } else if (is.type <= TERNARY) {
      this.#writer.int8((is as { code: number }).code)
    } else {
      const { parts } = is as { parts: readonly unknown[] }
      if (is.type <= PROJECTION + 1) this.#writer.int32(parts.length)
      parts.forEach((part, i) => {
        this.#part(`.parts[${i}]`, part)
      })
    }
  }

  #part(step: string, value: unknown): void {
    try {
      this.value(value)
    } catch (error) {
      throw at(step, error)
    }
  }

  /** Returns the type that represents `type` for this client. @throws {Unsayable} if the client knows none. */
  #known(type: QType, value: unknown): QType {
    if (this.#capability >= CAPABILITY_OF_GUIDS) return type
    const isNew = type === 'timestamp' || type === 'timespan'
    if (type === 'guid' || (isNew && this.#capability < CAPABILITY_OF_TIMESTAMPS)) {
      if (type === 'timestamp' && !(value instanceof QTemporal)) return 'datetime'
      throw new Unsayable(`the client is too old for a ${type}`)
    }
    return type
  }

  #head(type: number, count: number): void {
    this.#writer.int8(type)
    this.#attribute()
    this.#writer.int32(count)
  }

  /** Writes no attribute, since it is not known whether a list is sorted. */
  #attribute(): void {
    this.#writer.int8(0)
  }
}

/** Types of vectors, by the kind of view they are sent from. */
const TYPE_OF_VIEW: Record<string, number> = {
  '[object Uint8Array]': TYPES.byte,
  '[object Int16Array]': TYPES.short,
  '[object Int32Array]': TYPES.int,
  '[object BigInt64Array]': TYPES.long,
  '[object Float32Array]': TYPES.real,
  '[object Float64Array]': TYPES.float,
}

/** Reads a property, which can be a getter that throws. */
function read(record: Record<string, unknown>, name: string): unknown {
  try {
    return record[name]
  } catch (error) {
    throw at(stepTo(name), error)
  }
}

function nameOf(value: object): string {
  return value.constructor?.name || 'unknown'
}
