import { Buffer } from 'node:buffer'
import { calledInClones } from '../../clone-context/ahead.js'
import { isError } from '../../thrown.js'
import { at, messageOf, stepTo, Unsayable, unserializable } from '../unsayable.js'

/** The line that answers a query. @throws {QcloneError} `ERR_QCLONE_UNSERIALIZABLE` when JSON cannot say `value`. */
export function result(id: unknown, value: unknown): Buffer {
  try {
    const text = JSON.stringify({ id, result: value === undefined ? null : value })
    // What JSON leaves out within a value it cannot leave out as a whole.
    if (typeof value === 'function' || typeof value === 'symbol')
      throw new Unsayable(`it is a ${typeof value}`)
    return Buffer.from(`${text}\n`)
  } catch (error) {
    throw unserializable(findUnsayable(value) ?? error)
  }
}

/** The line that says what went wrong. Never throws. */
export function failure(id: unknown, error: unknown): Buffer {
  const { name, code } = nameAndCode(error)
  const message = messageOf(error).slice(0, MOST_ERROR_CHARACTERS)
  return Buffer.from(`${JSON.stringify({ id, error: { name, message, code } })}\n`)
}

/** A longer text might be more than one string can hold once it is JSON. */
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

/** Why JSON cannot say `value`, as far as that can be seen in it. */
function findUnsayable(value: unknown, around: readonly unknown[] = []): Unsayable | undefined {
  if (typeof value === 'bigint') return new Unsayable('JSON has no bigint')
  if (typeof value !== 'object' || value === null) return undefined
  if (around.includes(value)) return new Unsayable('it is within itself')
  if (around.length > MOST_LOOKED_INTO) return undefined
  try {
    for (const key of Object.keys(value)) {
      const found = findUnsayable(value[key as keyof typeof value], [...around, value])
      if (found) return at(stepTo(Array.isArray(value) ? Number(key) : key), found)
    }
  } catch {
    // A getter that throws: JSON.stringify has said so.
  }
  return undefined
}

/** How deep a reason is looked for. */
const MOST_LOOKED_INTO = 100

calledInClones(result)
