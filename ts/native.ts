import { createRequire } from 'node:module'
import type * as Binding from '../binding.cjs'
import { QcloneError } from './errors.js'

export type { ChildHandle, ForkFailure, ForkOutcome, ForkTimings, NativeProgress } from '../binding.cjs'

let loaded: typeof Binding | undefined

/**
The native part. Loaded at first use, so that the package can be imported where there is none.

@throws {QcloneError} `ERR_QCLONE_UNSUPPORTED` where there is none.
*/
export function native(): typeof Binding {
  try {
    // Not remembered when it fails: there may only have been no descriptor left.
    loaded ??= createRequire(import.meta.url)('../binding.cjs') as typeof Binding
  } catch (cause) {
    const platform = `${process.platform}-${process.arch}`
    const why = process.platform === 'linux' ? whyNotLoaded(cause) : 'cloning needs Linux'
    throw new QcloneError('ERR_QCLONE_UNSUPPORTED', `qclone does not work on ${platform}: ${why}`, { cause })
  }
  return loaded
}

/** In words, from the chain of causes: one for each file that was tried, most of which are other platforms'. */
function whyNotLoaded(error: unknown): string {
  const told: string[] = []
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    told.push(cause.message.split('\n', 1)[0] as string)
  }
  const found = told.find((message) => !message.startsWith('Cannot find'))
  return found
    ? `its native part could not be loaded (${found})`
    : "its native part is missing: install with npm's optional dependencies, on the platform that it is to run on"
}
