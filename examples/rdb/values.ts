import { inspect } from 'node:util'

import { QueryError } from './errors.js'

const MOST_SHOWN = 60

/** Reads an integer from any protocol: a number, a large number of a special type, or text. */
export function readWhole(name: string, value: unknown, min: number, max: number): number {
  const number = typeof value === 'string' && /^-?\d+$/.test(value.trim()) ? Number(value) : value
  const whole = typeof number === 'bigint' ? Number(number) : number
  if (typeof whole === 'number' && Number.isInteger(whole) && whole >= min && whole <= max) return whole
  throw new QueryError(`Expected ${name} to be a whole number from ${min} to ${max}, got ${shown(value)}`)
}

/** Reads a time in milliseconds since 1970 from a date of any protocol, or from text. */
export function readTime(name: string, value: unknown): number {
  const time = typeof value === 'string' ? Date.parse(value) : Number(value ?? Number.NaN)
  // `Date` rejects times that are out of range.
  if (!Number.isNaN(new Date(time).getTime())) return time
  throw new QueryError(`Expected ${name} to be a time, got ${shown(value)}`)
}

/** Value in an error message, shortened to what is needed to recognize it. */
export function shown(value: unknown): string {
  const text = inspect(value, { depth: 1, breakLength: Infinity, maxStringLength: MOST_SHOWN })
  return text.length > MOST_SHOWN ? `${text.slice(0, MOST_SHOWN)}…` : text
}
