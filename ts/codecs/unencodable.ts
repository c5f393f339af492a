import { QcloneError } from '../types/errors.js'
import { isError } from '../types/is-error.js'

const INDEX = /^\d+$/
const NAME = /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u

/** Error thrown deep in a value that cannot be sent. Each level it passes adds its step. */
export class Unsayable extends Error {
  /** Steps from the value to the part that cannot be sent. */
  readonly steps: string[] = []

  constructor(message: string, cause?: unknown) {
    super(message, { cause })
  }
}

/** Adds `step` to an error thrown there. An error of a getter is wrapped, since it is a reason too. */
export function at(step: string, error: unknown): Unsayable {
  const unsayable = error instanceof Unsayable ? error : new Unsayable(messageOf(error), error)
  unsayable.steps.unshift(step)
  return unsayable
}

/** Returns the step of a path to the property `key`. */
export function stepTo(key: string | number): string {
  if (typeof key === 'number') return `[${key}]`
  if (INDEX.test(key)) return `[${key}]`
  return NAME.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`
}

/** Returns the error for the sender of the value. */
export function unserializable(thrown: unknown): QcloneError {
  const path = `value${thrown instanceof Unsayable ? thrown.steps.join('') : ''}`
  const cause = thrown instanceof Unsayable ? (thrown.cause ?? thrown) : thrown
  return new QcloneError('ERR_QCLONE_UNSERIALIZABLE', `${path} cannot be sent: ${messageOf(thrown)}`, {
    cause,
    path,
  })
}

/** Returns the message of an error, or text for any other value that was thrown. Never throws. */
export function messageOf(thrown: unknown): string {
  try {
    return isError(thrown) ? String(thrown.message || thrown.name) : String(thrown)
  } catch {
    return 'an error that cannot be read'
  }
}
