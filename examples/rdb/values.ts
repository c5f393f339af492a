import { inspect } from 'node:util'

import { QueryError } from './errors.js'

const MOST_SHOWN = 60

/** A whole number, whether a protocol has numbers, large ones of their own, or only text. */
export function readWhole(name: string, value: unknown, min: number, max: number): number {
  const number = typeof value === 'string' && /^-?\d+$/.test(value.trim()) ? Number(value) : value
  const whole = typeof number === 'bigint' ? Number(number) : number
  if (typeof whole === 'number' && Number.isInteger(whole) && whole >= min && whole <= max) return whole
  throw new QueryError(`Expected ${name} to be a whole number from ${min} to ${max}, got ${shown(value)}`)
}

/** A time in milliseconds since 1970: a date of any protocol, or text. */
export function readTime(name: string, value: unknown): number {
  const time = typeof value === 'string' ? Date.parse(value) : Number(value ?? Number.NaN)
  // `Date` says which times there are.
  if (!Number.isNaN(new Date(time).getTime())) return time
  throw new QueryError(`Expected ${name} to be a time, got ${shown(value)}`)
}

/** A value in an error message: enough to find it again, and no more. */
export function shown(value: unknown): string {
  const text = inspect(value, { depth: 1, breakLength: Infinity, maxStringLength: MOST_SHOWN })
  return text.length > MOST_SHOWN ? `${text.slice(0, MOST_SHOWN)}…` : text
}
