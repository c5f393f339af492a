import { createRequire } from 'node:module'
import type { Callable } from '../types/callable.js'
import { QcloneError } from '../types/errors.js'
import { readScope, variablesOf } from './closure-variables.js'
import { process } from './process.js'

// Not an import: see http-agents.ts.
const { OutgoingMessage } = createRequire(import.meta.url)('node:http') as typeof import('node:http')

/** Names of the function that `lib/_http_outgoing.js` calls to read the date: the first one since Node 26. */
const CALLED_FOR_DATE = ['utcDateHeader', 'utcDate']

/** Node's cache of the `Date` header. */
export interface DateCache {
  /** Clears the date. A timer calls it each second; in a clone, that timer is the parent's and dropped. */
  readonly reset: () => void
  /** Returns the date, and starts the timer. */
  readonly read: Callable
}

/**
Finds the cache of the `Date` header: variables of `lib/internal/http.js`; Node 20 to 26.

@throws {QcloneError} `ERR_QCLONE_UNSUPPORTED` if it cannot be found.
*/
export function findDateCache(): DateCache {
  try {
    const [read] = variablesOf(OutgoingMessage, (name) => CALLED_FOR_DATE.includes(name)).values()
    if (typeof read !== 'function') throw new Error(`OutgoingMessage has no ${CALLED_FOR_DATE.join(' or ')}`)
    const { resetCache } = readScope(read as Callable, ['resetCache'])
    return { reset: resetCache as () => void, read: read as Callable }
  } catch (cause) {
    const message = `the cache of the \`Date\` header of Node ${process.version} cannot be found (lib/internal/http.js: ${(cause as Error).message}), and would never be updated in a clone: use \`spawn\`, which does not need it`
    throw new QcloneError('ERR_QCLONE_UNSUPPORTED', message, { cause })
  }
}
