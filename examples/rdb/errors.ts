/** What a client asked for cannot be: told to the client, in a line. */
export class QueryError extends Error {
  override readonly name = 'QueryError'

  readonly code = 'ERR_RDB_QUERY'
}
