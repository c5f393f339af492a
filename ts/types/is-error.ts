import { types } from 'node:util'

/**
Returns whether `value` is an error of any realm: code in a vm context (of jest, of a rules engine) throws its own.
*/
export function isError(value: unknown): value is Error {
  return value instanceof Error || types.isNativeError(value)
}
