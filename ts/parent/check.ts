import { native } from '../native.js'
import { isInline, settings } from '../options/settings.js'
import { type ErrorCode, fromFailure, type QcloneError, type ThreadInTheWay, typed } from '../types/errors.js'
import { readyToFork } from './readiness.js'
import { lastAdvice } from './slow-forks.js'

/** Result of {@link check}. */
export type CheckReport =
  | {
      /** A fork is possible. */
      readonly ok: true
      /** Advice on making forks faster, if the last one was slow. */
      readonly advice?: string
    }
  | {
      /** A fork would be refused. */
      readonly ok: false
      /** Code that a fork would fail with. */
      readonly code: ErrorCode
      /** Reason a fork would fail, and what to do. */
      readonly reason: string
      /** Threads in the way. */
      readonly threads: readonly ThreadInTheWay[]
      /** Whether a fork may become possible without any action. */
      readonly transient: boolean
    }

/**
Checks everything that `run` checks before it forks, without forking. In inline mode there is nothing to check.

@example
```ts
import { check } from 'node-qclone'

const report = check()
if (!report.ok && !report.transient) console.error(report.reason)
```
*/
export function check(): CheckReport {
  try {
    if (isInline()) return { ok: true }
    readyToFork(true)
    const failure = native().preflight(settings().vouchFor as string[])
    if (failure) return reportOf(fromFailure(failure), failure.transient)
    const advice = lastAdvice()
    return advice ? { ok: true, advice } : { ok: true }
  } catch (error) {
    const why = typed(error)
    // Other processes may free memory.
    return reportOf(why, why.code === 'ERR_QCLONE_MEMORY')
  }
}

function reportOf({ code, message: reason, threads }: QcloneError, transient = false): CheckReport {
  return { ok: false, code, reason, threads, transient }
}
