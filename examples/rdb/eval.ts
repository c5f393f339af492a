import type { Database } from './database.js'

/** Prefix of text that is code. */
const PREFIX = 'js:'

export function isCode(message: unknown): message is string {
  return typeof message === 'string' && message.startsWith(PREFIX)
}

/** Called in a clone: evaluates an expression in which `db` is the database. It can do anything the clone can. */
export function evaluateCode(database: Database, text: string): unknown {
  const code = `return (\n${text.slice(PREFIX.length)}\n)`
  return new Function('db', code)(database)
}
