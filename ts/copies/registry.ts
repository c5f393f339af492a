import { createRequire } from 'node:module'
import { dirname } from 'node:path'
import type * as Binding from '../../binding.cjs'
import { define } from '../node-internals/define.js'
import { mainGlobal } from '../node-internals/process.js'
import { QcloneError } from '../types/errors.js'

/** Copy of this package. A process can have several: in two versions, or one in each vm context. */
interface Copy {
  /** Called in each clone, whichever copy made it. */
  enterClone: () => void
}

/** State shared by all copies in a process. */
interface Shared {
  copies: Array<WeakRef<Copy>>
  /**
  Native part of the first copy that needed one. Only one can track the threads and keep the event loops of clones
  alive.
  */
  native?: { binding: typeof Binding; version: string; path: string }
  /** Copy that is called at the end of a clone's event loop. */
  atLoopEnd?: Copy
}

const require = createRequire(import.meta.url)

const KEY = Symbol.for('node-qclone')

const holder = mainGlobal as { [KEY]?: Shared }
if (!holder[KEY]) define(holder, KEY, { value: { copies: [] } satisfies Shared })
const shared = holder[KEY] as Shared

/** This copy. The others reference it weakly, so that a vm context can be collected with its copy. */
const own: Copy = { enterClone: () => {} }

shared.copies = [...shared.copies.filter((copy) => copy.deref()), new WeakRef(own)]

/**
Calls `change` only in the first copy that asks, and marks `object` with a symbol. All copies would make the same
change.
*/
export function onceInAllCopies(object: object, key: string, change: () => void): void {
  sharedByCopies(object, key, () => {
    change()
    return true
  })
}

/** Returns the value that the first copy has made for all copies, kept on `object` under a symbol. */
export function sharedByCopies<T>(object: object, key: string, make: () => T): T {
  const mark = Symbol.for(key)
  const holder = object as Record<symbol, T>
  if (!(mark in holder)) define(holder, mark, { value: make() })
  return holder[mark] as T
}

/** Sets the function that this copy calls in each clone. */
export function onEnteringClone(enterClone: () => void): void {
  own.enterClone = enterClone
}

/** In a clone: notifies all copies. */
export function enterCloneInAll(): void {
  for (const copy of shared.copies) copy.deref()?.enterClone()
}

/**
Returns the native part that all copies use.

@param load Loads the native part of this copy.
@throws {QcloneError} `ERR_QCLONE_UNSUPPORTED` if one of another version is loaded already.
*/
export function sharedBinding(load: () => typeof Binding): typeof Binding {
  const version = versionOfPackage()
  shared.native ??= {
    binding: load(),
    version,
    path: dirname(require.resolve('#package.json')),
  }
  if (shared.native.version === version) return shared.native.binding
  throw new QcloneError(
    'ERR_QCLONE_UNSUPPORTED',
    `version ${shared.native.version} of node-qclone (${shared.native.path}) is already loaded in this process, so version ${version} cannot clone: install a single version, for example with \`npm dedupe\``,
  )
}

/** Calls `claim` unless this copy was the last one to claim the end of the clones' event loops. */
export function claimLoopEnd(claim: () => void): void {
  if (shared.atLoopEnd === own) return
  claim()
  shared.atLoopEnd = own
}

function versionOfPackage(): string {
  const { version } = require('#package.json') as { version: string }
  return version
}
