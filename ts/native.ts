import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { compileFunction, runInThisContext } from 'node:vm'
import type * as Binding from '../binding.cjs'
import { sharedBinding } from './copies.js'
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
    loaded ??= sharedBinding(load)
  } catch (cause) {
    if (cause instanceof QcloneError) throw cause
    const platform = `${process.platform}-${process.arch}`
    const why = process.platform === 'linux' ? whyNotLoaded(cause) : 'cloning needs Linux'
    throw new QcloneError('ERR_QCLONE_UNSUPPORTED', `qclone does not work on ${platform}: ${why}`, { cause })
  }
  return loaded
}

/** Its loader, which napi-rs writes, asks `process` for the platform. Where that is hidden, as by a `let` in a REPL, it gets Node's. */
function load(): typeof Binding {
  const require = createRequire(import.meta.url)
  if (seesProcess()) return require('../binding.cjs')
  const path = require.resolve('../binding.cjs')
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

/** The loader tries several files, and each failure is the cause of the next, by its message. This one is node's. */
function addonsDenied(error: unknown): string {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (!cause.message.includes('loading addons is disabled')) continue
    return ', as this node may load none: start it with `--allow-addons` under the permission model, and without `--no-addons`'
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
