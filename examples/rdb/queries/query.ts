import type { Database } from '../database.js'
import { QueryError } from '../errors.js'
import type { Cell, Rows } from '../rows.js'
import type { Param } from './params.js'

/** Answer of a query: one value, several named values, or a table. */
export type Answer = Cell | Readonly<Record<string, Cell>> | Rows

/** Query that clients can call by name. */
export interface Query {
  readonly name: string
  readonly about: string
  readonly params: Readonly<Record<string, Param<unknown>>>
  /** Reads the positional arguments, and answers. @throws {QueryError} */
  answer(database: Database, args: readonly unknown[]): Answer
}

/** Types of the arguments that the parameters read. */
type ArgumentsOf<P> = { readonly [name in keyof P]: P[name] extends Param<infer T> ? T : never }

interface QueryOptions<P> {
  name: string
  about: string
  params: P
  answer: (database: Database, args: ArgumentsOf<P>) => Answer
}

export function query<const P extends Record<string, Param<unknown>>>(options: QueryOptions<P>): Query {
  const { name, about, params, answer } = options
  return {
    name,
    about,
    params,
    answer: (database, args) => answer(database, readArguments(options, database, args)),
  }
}

function readArguments<P extends Record<string, Param<unknown>>>(
  { name, params }: QueryOptions<P>,
  database: Database,
  args: readonly unknown[],
): ArgumentsOf<P> {
  const entries = Object.entries(params)
  // q cannot call without arguments: `f[]` is `f[::]`.
  const given = args.length === 1 && isLeftOut(args[0]) ? [] : args
  if (given.length > entries.length) {
    const names = Object.keys(params).join('; ')
    throw new QueryError(
      `Expected ${name}[${names}] to get ${entries.length} arguments at most, got ${given.length}`,
    )
  }
  const read = entries.map(([param, { fallback, read, about }], i) => {
    const value = isLeftOut(given[i]) ? fallback : given[i]
    if (value === undefined) throw new QueryError(`Expected ${param} of ${name} to be given: ${about}`)
    return [param, read(value, param, database)]
  })
  return Object.fromEntries(read) as ArgumentsOf<P>
}

function isLeftOut(value: unknown): boolean {
  return value === undefined || value === null
}
