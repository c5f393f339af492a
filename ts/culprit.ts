import { inspect } from 'node:util'
import { canTravel } from './thrown.js'

/** What in a value keeps it from travelling. */
export interface Culprit {
  /** Where it is, such as `value.rows[3].get`. */
  path: string
  /** What it is, in words. */
  what: string
}

/**
Finds what in `value` cannot be cloned. Tries parts again and again, so it is for values that are known to have
such a part.
*/
export function findCulprit(value: unknown, path = 'value'): Culprit {
  const seen = new Set<unknown>()
  /** Undefined when all that is wrong with `value` has been looked at: it is part of a ring. */
  const descend = (value: unknown, path: string): Culprit | undefined => {
    seen.add(value)
    let isWhole = true
    for (const [part, step] of partsOf(value)) {
      if (isPlain(part) || canTravel(part)) continue
      isWhole = false
      const culprit = seen.has(part) ? undefined : descend(part, path + step)
      if (culprit) return culprit
    }
    return isWhole ? { path, what: inWords(value) } : undefined
  }
  return descend(value, path) ?? { path, what: inWords(value) }
}

function isPlain(value: unknown): boolean {
  return value === null || !['object', 'function', 'symbol'].includes(typeof value)
}

/** The parts of a value that structured clone would look at, each with the step that leads there. */
function* partsOf(value: unknown): Iterable<[part: unknown, step: string]> {
  if (typeof value !== 'object' || value === null) return
  if (value instanceof Map) {
    let index = 0
    for (const [key, entry] of value) {
      yield [key, `.keys()[${index++}]`]
      yield [entry, `.get(${inspect(key, { depth: 0 })})`]
    }
  }
  if (value instanceof Set)
    for (const [index, item] of [...value].entries()) yield [item, `.values()[${index}]`]
  for (const key of Object.keys(value)) {
    const step =
      Array.isArray(value) && INDEX.test(key) ? `[${key}]` : NAME.test(key) ? `.${key}` : `[${inspect(key)}]`
    let part: unknown
    try {
      part = value[key as keyof typeof value]
    } catch {
      // A getter that throws: it is the object that cannot be read.
      continue
    }
    yield [part, step]
  }
}

const INDEX = /^\d+$/
const NAME = /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u

function inWords(value: unknown): string {
  if (typeof value === 'function') return `a function (${value.name || 'anonymous'})`
  if (typeof value === 'symbol') return `a symbol (${String(value)})`
  const name = (value as object | null)?.constructor?.name
  return name && name !== 'Object' ? `an instance of ${name}` : 'an object that cannot be read'
}
