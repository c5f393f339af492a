/** Invalid request of a client, which receives the message as one line. */
export class QueryError extends Error {
  override readonly name = 'QueryError'

  readonly code = 'ERR_RDB_QUERY'
}
