import { QTemporal } from './temporal.js'
import type { QType } from './types.js'
import { QAtom } from './values.js'

/** Kind of an item, as far as it matters for the list it is in. */
type Kind = QType | 'bigint' | 'string' | 'record' | 'null' | 'other'

/** Types that have no null. */
const WITHOUT_NULL: ReadonlySet<Kind> = new Set(['boolean', 'byte'])

/** Kind of a list in q: a vector of a type, a table, or a general list. */
export type ListKind = QType | 'table' | 'any'

/** Infers the kind of a list. All numbers can be mixed, and null can be mixed with every type that has a null. */
export function kindOfList(items: readonly unknown[]): ListKind {
  let kind: Kind | undefined
  let hasNull = false
  let isJoined = false
  for (const item of items) {
    const itsKind = kindOf(item)
    if (itsKind === 'null') hasNull = true
    else if (kind === undefined) kind = itsKind
    else if (kind !== itsKind) {
      kind = joined(kind, itsKind)
      isJoined = true
    }
    if (kind === 'other' || kind === 'string') return 'any'
  }
  if (kind === undefined || kind === 'null') return 'any'
  if (kind === 'record') return !hasNull && areRows(items as readonly object[]) ? 'table' : 'any'
  if (hasNull && WITHOUT_NULL.has(kind)) return 'any'
  const type = kind === 'bigint' ? 'long' : (kind as QType)
  // An explicit `q.long` does not become a float because of its neighbors.
  if (isJoined && items.some((item) => item instanceof QAtom && item.type !== type)) return 'any'
  return type
}

/** Infers the kind of a record's values: a vector if all have the same type on their own, otherwise a general list. */
export function kindOfValues(values: readonly unknown[]): QType | 'any' {
  const kinds = new Set(values.map(kindOf))
  const [kind = 'other'] = kinds
  if (kinds.size > 1 || kind === 'string' || kind === 'record' || kind === 'null' || kind === 'other')
    return 'any'
  return kind === 'bigint' ? 'long' : kind
}

/** Returns whether a value becomes a dict of its properties. Instances of classes with their own meaning do not. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  return Object.prototype.toString.call(value) === '[object Object]'
}

function kindOf(item: unknown): Kind {
  switch (typeof item) {
    case 'boolean':
      return 'boolean'
    case 'number':
      return Number.isSafeInteger(item) ? 'long' : 'float'
    case 'bigint':
      return 'bigint'
    case 'string':
      return 'string'
    case 'undefined':
      return 'null'
    case 'object':
      return item === null ? 'null' : kindOfObject(item)
    default:
      return 'other'
  }
}

function kindOfObject(item: object): Kind {
  if (item instanceof QTemporal || item instanceof QAtom) return item.type
  if (item instanceof Date) return 'timestamp'
  return isRecord(item) ? 'record' : 'other'
}

/** Returns the kind of a list with items of both kinds. */
function joined(a: Kind, b: Kind): Kind {
  if (isOneOf('float', a, b) && isOneOf('long', a, b)) return 'float'
  return isOneOf('bigint', a, b) && isOneOf('long', a, b) ? 'bigint' : 'other'
}

function isOneOf(kind: Kind, a: Kind, b: Kind): boolean {
  return kind === a || kind === b
}

function areRows(items: readonly object[]): boolean {
  const names = Object.keys(items[0] as object)
  if (names.length === 0) return false
  return items.every((item) => {
    const keys = Object.keys(item)
    return keys.length === names.length && names.every((name) => Object.hasOwn(item, name))
  })
}
