import { writeSync } from 'node:fs'
import { process } from '../node-internals/process.js'
import { isHeard } from '../observe/diagnostics.js'
import { handlers } from '../observe/handlers.js'
import type { Serving } from '../types/clone.js'
import type { ErrorCode, QcloneError } from '../types/errors.js'

/** Codes of clones that were made and failed. */
const FAILED: readonly ErrorCode[] = ['ERR_QCLONE_DIED', 'ERR_QCLONE_START_FAILED', 'ERR_QCLONE_TIMEOUT']

const warned = new Set<ErrorCode>()

/**
Reports to the operator that a client was not served: the client gets only a status, and no caller gets the error.

- A clone that failed is reported in one line on stderr, unless `handlers.oldClone` or `qclone:reaped` has listeners.
- A clone that could not be made is a process warning, once per code: the next client usually fails for the same reason.
*/
export function tellOperator({ kind, name }: { kind: Serving; name: string }, error: QcloneError): void {
  const { code, message, status } = error
  if (!FAILED.includes(code)) {
    warnOnce(code, message)
    return
  }
  // A session ends normally when its clone exits with status 0.
  if (kind === 'session' && status?.status === 0) return
  if (!handlers.oldClone.isEmpty || isHeard('qclone:reaped')) return
  try {
    writeSync(2, `qclone: ${[kind, name].filter(Boolean).join(' ')}: ${message}\n`)
  } catch {
    // Nobody reads stderr.
  }
}

function warnOnce(code: ErrorCode, message: string): void {
  if (warned.has(code)) return
  warned.add(code)
  process.emitWarning(`A client was turned away because it got no clone: ${message}`, {
    type: 'QcloneWarning',
    code,
  })
}
