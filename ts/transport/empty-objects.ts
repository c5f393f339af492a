import { types } from 'node:util'
import { calledInClones } from '../in-clone/precompile.js'
import { isPlain } from './find-unserializable.js'

/**
Returns whether the objects that V8 has written as empty are really empty. Checks only those: walking the whole value
would take a clone longer than serializing it. Calls no getters, so an object returned by a getter counts as not empty.

@param ways the way to each object, as the native part returns it: the number of steps, then the steps.
*/
export function areEmptyObjects(value: unknown, ways: Uint32Array): boolean {
  /** Way to the previous object, and the part at each step. The next object is usually near. */
  const steps: number[] = []
  const parts: unknown[] = [listed(value)]
  /** Keys of each part, filled on demand. */
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

/** Stand-in for the value of a getter, which must not be called again. */
const GIVEN = Symbol('given by a getter')

function partOf(whole: unknown, step: number, keys: readonly string[]): unknown {
  if (whole === GIVEN) return GIVEN
  // V8 writes an array with getters as a sparse one, into which the native part knows no way.
  if (Array.isArray(whole)) return listed(whole[step])
  if (typeof whole !== 'object' || whole === null) return undefined
  const property = Object.getOwnPropertyDescriptor(whole, keys[step >> 1] ?? '')
  return property?.get ? GIVEN : listed(property?.value)
}

function keysOf(whole: unknown): readonly string[] {
  return typeof whole === 'object' && whole !== null && !Array.isArray(whole) ? Object.keys(whole) : []
}

/** Converts a map or a set to a list, for lookups by index. */
function listed(value: unknown): unknown {
  if (types.isMap(value)) return Array.from(Map.prototype.entries.call(value)).flat()
  return types.isSet(value) ? Array.from(Set.prototype.values.call(value)) : value
}

function isEmptyObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && isPlain(value) && Object.keys(value).length === 0
}

calledInClones(areEmptyObjects, partOf, keysOf, listed, isEmptyObject, isPlain)
