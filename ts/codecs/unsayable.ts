import { QcloneError } from '../errors.js'
import { isError } from '../thrown.js'

const INDEX = /^\d+$/
const NAME = /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u

/** Thrown deep in a value that cannot be sent. Whoever lets it pass adds the step it was at. */
export class Unsayable extends Error {
  /** From the value to what is wrong in it. */
  readonly steps: string[] = []

  constructor(message: string, cause?: unknown) {
    super(message, { cause })
  }
}

/** What was thrown at `step`, with that step. What a getter throws is as much a reason as what is found here. */
export function at(step: string, error: unknown): Unsayable {
  const unsayable = error instanceof Unsayable ? error : new Unsayable(messageOf(error), error)
  unsayable.steps.unshift(step)
  return unsayable
}

/** How a path goes on to the property `key`. */
export function stepTo(key: string | number): string {
  if (typeof key === 'number') return `[${key}]`
  if (INDEX.test(key)) return `[${key}]`
  return NAME.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`
}

/** The error that tells whoever wanted to send the value. */
export function unserializable(thrown: unknown): QcloneError {
  const path = `value${thrown instanceof Unsayable ? thrown.steps.join('') : ''}`
  const cause = thrown instanceof Unsayable ? (thrown.cause ?? thrown) : thrown
  return new QcloneError('ERR_QCLONE_UNSERIALIZABLE', `${path} cannot be sent: ${messageOf(thrown)}`, {
    cause,
    path,
  })
}

/** What an error says, or what was thrown in its place. Never throws. */
export function messageOf(thrown: unknown): string {
  try {
    return isError(thrown) ? String(thrown.message || thrown.name) : String(thrown)
  } catch {
    return 'an error that cannot be read'
  }
}
