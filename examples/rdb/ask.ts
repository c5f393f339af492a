import type { Database } from './database.js'
import { QueryError } from './errors.js'
import { QUERIES } from './queries/all.js'
import { parseCall } from './queries/parse.js'
import type { Answer } from './queries/query.js'
import { shown } from './values.js'

/** Answers text such as `count flights`, or a list of a name and arguments. @throws {QueryError} */
export function ask(database: Database, message: unknown): Answer {
  if (typeof message === 'string') {
    const { name, args } = parseCall(message)
    return call(database, name, args)
  }
  if (!Array.isArray(message)) {
    throw new QueryError(
      `Expected a query to be text, or a list of a name and arguments, got ${shown(message)}`,
    )
  }
  const [name, ...args] = message
  return call(database, name, args)
}

/** Runs a query by its name. */
export function call(database: Database, name: unknown, args: readonly unknown[]): Answer {
  const query = typeof name === 'string' ? QUERIES.get(name) : undefined
  if (!query) {
    throw new QueryError(`Expected one of the queries ${[...QUERIES.keys()].join(', ')}, got ${shown(name)}`)
  }
  return query.answer(database, args)
}
