import type { Database } from './database.js'

/** How text begins that is code. */
const PREFIX = 'js:'

export function isCode(message: unknown): message is string {
  return typeof message === 'string' && message.startsWith(PREFIX)
}

/** In a clone: evaluates an expression, which sees the database as `db`. It may do anything that the clone may. */
export function evaluateCode(database: Database, text: string): unknown {
  const code = `return (\n${text.slice(PREFIX.length)}\n)`
  return new Function('db', code)(database)
}
