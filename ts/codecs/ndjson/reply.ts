import { Buffer } from 'node:buffer'
import { calledInClones } from '../../in-clone/precompile.js'
import { isError } from '../../types/is-error.js'
import { at, messageOf, stepTo, Unsayable, unserializable } from '../unencodable.js'

/**
Encodes the answer to a query.

@throws {QcloneError} `ERR_QCLONE_UNSERIALIZABLE` if JSON cannot represent `value`.
*/
export function result(id: unknown, value: unknown): Buffer {
  try {
    const text = JSON.stringify({ id, result: value === undefined ? null : value })
    // JSON omits functions and symbols within a value, but cannot omit the value itself.
    if (text === JSON.stringify({ id })) throw new Unsayable(whyOmitted(value))
    return Buffer.from(`${text}\n`)
  } catch (error) {
    throw unserializable(findUnsayable(value) ?? error)
  }
}

function whyOmitted(value: unknown): string {
  const isOne = typeof value === 'function' || typeof value === 'symbol'
  return isOne ? `it is a ${typeof value}` : 'its `toJSON` returns nothing that JSON can represent'
}

/** Encodes an error reply. Never throws. */
export function failure(id: unknown, error: unknown): Buffer {
  const { name, code } = nameAndCode(error)
  const message = messageOf(error).slice(0, MOST_ERROR_CHARACTERS)
  return Buffer.from(`${JSON.stringify({ id, error: { name, message, code } })}\n`)
}

/** Maximum length of a text in an error. A longer one could, as JSON, exceed the maximum length of a string. */
const MOST_ERROR_CHARACTERS = 1 << 16

function nameAndCode(error: unknown): { name: string; code?: string | number } {
  try {
    const { name, code } = error as { name?: unknown; code?: unknown }
    return {
      name: isError(error) && typeof name === 'string' ? name.slice(0, MOST_ERROR_CHARACTERS) : 'Error',
      ...(typeof code === 'string' && { code: code.slice(0, MOST_ERROR_CHARACTERS) }),
      ...(typeof code === 'number' && { code }),
    }
  } catch {
    // It is null, or its properties cannot be read.
    return { name: 'Error' }
  }
}

/** Finds the reason JSON cannot represent `value`, as far as the value shows it. */
function findUnsayable(value: unknown, around: readonly unknown[] = []): Unsayable | undefined {
  if (typeof value === 'bigint') return new Unsayable('JSON has no bigint')
  if (typeof value !== 'object' || value === null) return undefined
  if (around.includes(value)) return new Unsayable('it contains itself')
  if (around.length > MOST_LOOKED_INTO) return undefined
  try {
    for (const key of Object.keys(value)) {
      const found = findUnsayable(value[key as keyof typeof value], [...around, value])
      if (found) return at(stepTo(Array.isArray(value) ? Number(key) : key), found)
    }
  } catch {
    // A getter threw. The error of JSON.stringify says so.
  }
  return undefined
}

/** Maximum depth of the search for a reason. */
const MOST_LOOKED_INTO = 100

calledInClones(result)
