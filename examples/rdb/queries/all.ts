import { browsing } from './browse.js'
import { analyses } from './flights.js'
import type { Query } from './query.js'
import { checks } from './snapshot.js'

/** All queries, by name. */
export const QUERIES: ReadonlyMap<string, Query> = new Map(
  [...browsing, ...analyses, ...checks].map((query) => [query.name, query]),
)

/** Signature of a query, such as `select[table; from; n; sort]`. */
export function signatureOf({ name, params }: Query): string {
  return `${name}[${Object.keys(params).join('; ')}]`
}
