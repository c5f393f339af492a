import { QcloneError } from '../types/errors.js'
import { process } from './process.js'

/**
Checks an undocumented part of Node that the library relies on.

@param fact Name in Node's source.
@param file File of Node's source.
@param holds Returns whether the fact holds. If it throws, the fact does not hold.
@throws {QcloneError} `ERR_QCLONE_UNSUPPORTED` if the fact does not hold.
*/
export function expectFact(fact: string, file: string, holds: () => boolean): void {
  let cause: unknown
  try {
    if (holds()) return
  } catch (error) {
    cause = error
  }
  throw notAsKnown(fact, file, cause)
}

/** Returns the error for a fact that does not hold. */
export function notAsKnown(fact: string, file: string, cause?: unknown): QcloneError {
  const message = `\`${fact}\` (${file}) of Node ${process.version} is missing or has changed, and clones need it: update node-qclone, or use a supported Node version`
  return new QcloneError('ERR_QCLONE_UNSUPPORTED', message, cause === undefined ? {} : { cause })
}

/**
Returns whether `value` is an object of any realm, unlike `instanceof`: this package can be loaded in a vm context.
*/
export function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}
