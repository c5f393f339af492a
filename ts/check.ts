import { findTimers } from './clone-context/timers.js'
import { type ErrorCode, fromFailure, QcloneError, type ThreadInTheWay } from './errors.js'
import { native } from './native.js'

/** Whether this process can clone now, and if not, why. */
export type CheckReport =
  | { readonly ok: true }
  | {
      readonly ok: false
      readonly code: ErrorCode
      /** Why not, and what to do. */
      readonly reason: string
      /** The threads in the way. */
      readonly threads: readonly ThreadInTheWay[]
      /** Whether it may become possible with nothing done about it. */
      readonly transient: boolean
    }

/** Looks at everything that `run` would look at before its fork, and forks nothing. */
export function check(): CheckReport {
  try {
    findTimers()
    const failure = native().preflight()
    if (!failure) return { ok: true }
    const { code, message: reason, threads } = fromFailure(failure)
    return { ok: false, code, reason, threads, transient: failure.transient }
  } catch (error) {
    if (!(error instanceof QcloneError)) throw error
    return { ok: false, code: error.code, reason: error.message, threads: [], transient: false }
  }
}
