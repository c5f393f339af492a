import { type ParseArgsConfig, parseArgs } from 'node:util'

import { ExampleError } from './errors.js'

/** Number of flights in the data set. */
export const MAX_ROWS = 3_000_000

/** Parses a command line. Every error is an `ExampleError` with code `ERR_EXAMPLE_USAGE`. */
export function parseOptions<const O extends NonNullable<ParseArgsConfig['options']>>(
  argv: readonly string[],
  options: O,
) {
  try {
    return parseArgs({ args: [...argv], options }).values
  } catch (error) {
    throw new ExampleError('ERR_EXAMPLE_USAGE', error instanceof Error ? error.message : String(error), {
      cause: error,
    })
  }
}

export interface NumberRule {
  fallback: number
  min: number
  max: number
  whole: boolean
}

/** Value of option `--name` as a number, or its fallback. */
export function readNumber(
  name: string,
  text: string | undefined,
  { fallback, min, max, whole }: NumberRule,
): number {
  if (text === undefined) return fallback
  // Number('') is 0, but an empty value is not a number.
  const value = text.trim() === '' ? Number.NaN : Number(text)
  if (value >= min && value <= max && (!whole || Number.isInteger(value))) return value

  const kind = whole ? 'a whole number' : 'a number'
  throw new ExampleError(
    'ERR_EXAMPLE_USAGE',
    `Expected --${name} to be ${kind} from ${min} to ${max}, got \`${text}\``,
  )
}
