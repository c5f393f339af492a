import { findInternals } from './clone-context/enter.js'
import { type ErrorCode, fromFailure, type QcloneError, type ThreadInTheWay, typed } from './errors.js'
import { shortOfMemory } from './headroom.js'
import { native } from './native.js'
import { settings } from './settings.js'

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
    findInternals()
    const binding = native()
    const short = shortOfMemory()
    if (short) return reportOf(short)
    const failure = binding.preflight(settings().vouchFor as string[])
    return failure ? reportOf(fromFailure(failure), failure.transient) : { ok: true }
  } catch (error) {
    return reportOf(typed(error))
  }
}

function reportOf({ code, message: reason, threads }: QcloneError, transient = false): CheckReport {
  return { ok: false, code, reason, threads, transient }
}
