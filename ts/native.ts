import { createRequire } from 'node:module'
import type * as Binding from '../binding.cjs'
import { QcloneError } from './errors.js'
import { process } from './node.js'

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
    const why = process.platform === 'linux' ? 'its native part could not be loaded' : 'cloning needs Linux'
    throw new QcloneError('ERR_QCLONE_UNSUPPORTED', `qclone does not work on ${platform}: ${why}`, { cause })
  }
  return loaded
}
