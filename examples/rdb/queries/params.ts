import type { Database } from '../database.js'
import { QueryError } from '../errors.js'
import type { Relation } from '../relation.js'
import { readWhole, shown } from '../values.js'

/** Type of a query's argument. */
export interface Param<T> {
  /** Description for the user. */
  readonly about: string
  /** Default value; `undefined` if the argument is required. */
  readonly fallback: string | number | undefined
  /** @throws {QueryError} if `value` is invalid. */
  read(value: unknown, name: string, database: Database): T
  /** All valid values, if they can be listed. */
  choices?(database: Database): string[]
}

export function wholeNumber(min: number, max: number, fallback?: number): Param<number> {
  return {
    about: `a whole number from ${min} to ${max}`,
    fallback,
    read: (value, name) => readWhole(name, value, min, max),
  }
}

export function name(about: string, fallback?: string): Param<string> {
  return {
    about,
    fallback,
    read: (value, name) => {
      if (typeof value === 'string') return value
      throw new QueryError(`Expected ${name} to be ${about}, got ${shown(value)}`)
    },
  }
}

/** Name of a table, converted to the table. */
export const relation: Param<Relation> = {
  about: 'the name of a table',
  fallback: undefined,
  choices: ({ relations }) => [...relations.keys()],
  read: (value, name, { relations }) => {
    const found = typeof value === 'string' ? relations.get(value) : undefined
    if (found) return found
    const names = [...relations.keys()].join(', ')
    throw new QueryError(`Expected ${name} to be one of ${names}, got ${shown(value)}`)
  },
}
