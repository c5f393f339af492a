import { writeSync } from 'node:fs'
import type { Serving } from '../children.js'
import type { ErrorCode, QcloneError } from '../errors.js'
import { handlers } from '../handlers.js'
import { process } from '../node.js'
import { isHeard } from '../signs.js'

/** Codes of clones that were made, and failed. */
const FAILED: readonly ErrorCode[] = ['ERR_QCLONE_DIED', 'ERR_QCLONE_NOT_READY', 'ERR_QCLONE_TIMEOUT']

const warned = new Set<ErrorCode>()

/**
Tells whoever runs this process that a client was not served: the client knows no more than a status, and no caller has
the error. A clone that failed is a line on stderr, unless somebody listens for the ends of clones. A clone that could not
be made is a warning of the process, once for each code: most often the next client has the same reason.
*/
export function tellOperator({ event, name }: { event: Serving; name: string }, error: QcloneError): void {
  const { code, message, status } = error
  if (!FAILED.includes(code)) {
    warnOnce(code, message)
    return
  }
  // A session is over when its clone leaves in order.
  if (event === 'session' && status?.status === 0) return
  if (!handlers.oldClone.isEmpty || isHeard('qclone:reaped')) return
  try {
    writeSync(2, `qclone: ${[event, name].filter(Boolean).join(' ')}: ${message}\n`)
  } catch {
    // Nobody reads stderr.
  }
}

function warnOnce(code: ErrorCode, message: string): void {
  if (warned.has(code)) return
  warned.add(code)
  process.emitWarning(`A client was turned away without a clone: ${message}`, { type: 'QcloneWarning', code })
}
