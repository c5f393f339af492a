import { types } from 'node:util'
import { calledInClones } from './clone-context/ahead.js'
import { isPlain } from './culprit.js'

/**
Whether the objects of a value that V8 has written as empty ones have no more to them. Looks at those alone, since to go
through all of a value would take a clone longer than to serialize it. Calls no getters.

@param ways of each object the number of steps to it, and then the steps, as the native part gives them.
*/
export function areEmptyObjects(value: unknown, ways: Uint32Array): boolean {
  /** The way to the last one, with what is there at each step: the next one is most often near. */
  const steps: number[] = []
  const parts: unknown[] = [listed(value)]
  /** The keys of each of them, once they are asked for. */
  const keys: Array<readonly string[] | undefined> = []
  for (let at = 0; at < ways.length; ) {
    const length = ways[at++] as number
    let same = 0
    while (same < length && same < steps.length && steps[same] === ways[at + same]) same++
    for (; same < length; same++) {
      const step = ways[at + same] as number
      steps[same] = step
      const whole = parts[same]
      keys[same] ??= keysOf(whole)
      parts[same + 1] = partOf(whole, step, keys[same] ?? [])
      keys[same + 1] = undefined
    }
    steps.length = length
    at += length
    if (!isEmptyObject(parts[length])) return false
  }
  return true
}

/** In place of what a getter gave: it may not be asked again. */
const GIVEN = Object.freeze({})

function partOf(whole: unknown, step: number, keys: readonly string[]): unknown {
  if (whole === GIVEN) return GIVEN
  if (Array.isArray(whole)) return listed(whole[step])
  if (typeof whole !== 'object' || whole === null) return undefined
  const property = Object.getOwnPropertyDescriptor(whole, keys[step >> 1] ?? '')
  return property?.get ? GIVEN : listed(property?.value)
}

function keysOf(whole: unknown): readonly string[] {
  return typeof whole === 'object' && whole !== null && !Array.isArray(whole) ? Object.keys(whole) : []
}

/** A map or a set as a list, which is quicker to look things up in. */
function listed(value: unknown): unknown {
  if (types.isMap(value)) return Array.from(Map.prototype.entries.call(value)).flat()
  return types.isSet(value) ? Array.from(Set.prototype.values.call(value)) : value
}

function isEmptyObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && isPlain(value) && Object.keys(value).length === 0
}

calledInClones(areEmptyObjects, partOf, keysOf, listed, isEmptyObject, isPlain)
