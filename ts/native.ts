import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { compileFunction, runInThisContext } from 'node:vm'
import type * as Binding from '../binding.cjs'
import { sharedBinding } from './copies/registry.js'
import { process } from './node-internals/process.js'
import { isQcloneError, QcloneError } from './types/errors.js'

export type {
  ChildHandle,
  CloneFacts,
  ForkFailure,
  ForkOutcome,
  ForkTimings,
  NativeProgress,
} from '../binding.cjs'

let loaded: typeof Binding | undefined

/**
Returns the native part. It is loaded at first use, so that the package can be imported where there is none.

@throws {QcloneError} `ERR_QCLONE_UNSUPPORTED` if it cannot be loaded.
*/
export function native(): typeof Binding {
  try {
    // A failure is not cached: it may only have been a lack of file descriptors.
    loaded ??= sharedBinding(load)
  } catch (cause) {
    if (isQcloneError(cause)) throw cause
    const platform = `${process.platform}-${process.arch}`
    const why = process.platform === 'linux' ? whyNotLoaded(cause) : 'cloning needs Linux'
    throw new QcloneError('ERR_QCLONE_UNSUPPORTED', `qclone does not work on ${platform}: ${why}`, { cause })
  }
  return loaded
}

/**
Loads the native part by the loader that napi-rs generates. The loader reads the global `process`; where that is hidden,
as by a `let` in a REPL, it gets Node's.
*/
function load(): typeof Binding {
  const require = createRequire(import.meta.url)
  if (seesProcess()) return require('#binding')
  const path = require.resolve('#binding')
  const module = { exports: {} as typeof Binding }
  const loader = compileFunction(readFileSync(path, 'utf8'), ['require', 'module', 'process'], {
    filename: path,
  })
  loader(createRequire(path), module, process)
  return module.exports
}

function seesProcess(): boolean {
  try {
    return runInThisContext('process') === process
  } catch {
    return false
  }
}

/**
Returns advice if Node.js refuses all addons. The loader tries several files; each failure is the cause of the next.
*/
function addonsDenied(error: unknown): string {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (!cause.message.includes('loading addons is disabled')) continue
    return ': start Node.js with `--allow-addons` under the permission model, and without `--no-addons`'
  }
  return ''
}

/**
Returns the reason in words. The chain has a cause for each file that was tried, most of them for other platforms.
*/
function whyNotLoaded(error: unknown): string {
  const messages: string[] = []
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    messages.push(cause.message.split('\n', 1)[0] as string)
  }
  const found = messages.find((message) => !message.startsWith('Cannot find'))
  return found
    ? `its native part could not be loaded (${found})${addonsDenied(error)}`
    : "its native part is missing: install on this platform, with npm's optional dependencies, and keep `node-qclone` external in bundlers"
}
