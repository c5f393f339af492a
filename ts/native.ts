import { createRequire } from 'node:module'
import type * as Binding from '../binding.cjs'
import { sharedBinding } from './copies.js'
import { QcloneError } from './errors.js'
import { mainGlobal, process } from './node.js'

export type { ChildHandle, ForkFailure, ForkOutcome, ForkTimings, NativeProgress } from '../binding.cjs'

let loaded: typeof Binding | undefined

/**
The native part. Loaded at first use, so that the package can be imported where there is none.

@throws {QcloneError} `ERR_QCLONE_UNSUPPORTED` where there is none.
*/
export function native(): typeof Binding {
  try {
    // Not remembered when it fails: there may only have been no descriptor left.
    loaded ??= sharedBinding(() =>
      withProcess(() => createRequire(import.meta.url)('../binding.cjs') as typeof Binding),
    )
  } catch (cause) {
    if (cause instanceof QcloneError) throw cause
    const platform = `${process.platform}-${process.arch}`
    const why = process.platform === 'linux' ? whyNotLoaded(cause) : 'cloning needs Linux'
    throw new QcloneError('ERR_QCLONE_UNSUPPORTED', `qclone does not work on ${platform}: ${why}`, { cause })
  }
  return loaded
}

/** Loads the native part, whose loader asks the global `process` for the platform. Somebody may have hidden that. */
function withProcess<T>(load: () => T): T {
  const before = Object.getOwnPropertyDescriptor(mainGlobal, 'process')
  const put = (descriptor: PropertyDescriptor) => Reflect.defineProperty(mainGlobal, 'process', descriptor)
  put({ value: process, configurable: true, enumerable: false, writable: true })
  try {
    return load()
  } finally {
    if (before) put(before)
    else Reflect.deleteProperty(mainGlobal, 'process')
  }
}

/** What the loader of the native part was denied by, if it was: it tries several files, and each failure is the cause of the next. */
function addonsDenied(error: unknown): string {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if ((cause as { code?: unknown }).code !== 'ERR_DLOPEN_DISABLED') continue
    return ', as this node may load none: under the permission model start it with `--allow-addons`, and without `--no-addons`'
  }
  return ''
}

/** In words, from the chain of causes: one for each file that was tried, most of which are other platforms'. */
function whyNotLoaded(error: unknown): string {
  const told: string[] = []
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    told.push(cause.message.split('\n', 1)[0] as string)
  }
  const found = told.find((message) => !message.startsWith('Cannot find'))
  return found
    ? `its native part could not be loaded (${found})${addonsDenied(error)}`
    : "its native part is missing: install with npm's optional dependencies, on the platform that it is to run on"
}
