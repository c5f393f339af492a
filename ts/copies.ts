import { createRequire } from 'node:module'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import type * as Binding from '../binding.cjs'
import { QcloneError } from './errors.js'
import { mainGlobal } from './node.js'

/** A copy of this package, of which a process may have several: in two versions, or one in each vm context. */
interface Copy {
  /** Called in each clone, whichever copy has made it. */
  enterClone: () => void
}

/** What all copies in a process have in common. */
interface Shared {
  copies: Array<WeakRef<Copy>>
  /** Of the first copy that needed one. It knows the threads, and keeps the loops of clones going: there can be no other. */
  native?: { binding: typeof Binding; version: string; path: string }
  /** The copy that is called at the end of a clone's event loop. */
  atLoopEnd?: Copy
}

const KEY = Symbol.for('node-qclone')

const holder = mainGlobal as { [KEY]?: Shared }
if (!holder[KEY]) Object.defineProperty(holder, KEY, { value: { copies: [] } satisfies Shared })
const shared = holder[KEY] as Shared

/** This copy. The others hold it weakly: a vm context may go, and its copy with it. */
const own: Copy = { enterClone: () => {} }

shared.copies = [...shared.copies.filter((copy) => copy.deref()), new WeakRef(own)]

/** Has what all copies would change in the same way changed by the first alone: marked on `object` by a symbol. */
export function onceInAllCopies(object: object, key: string, change: () => void): void {
  const mark = Symbol.for(key)
  if (mark in object) return
  Object.defineProperty(object, mark, { value: true })
  change()
}

/** Says what this copy does in each clone. */
export function onEnteringClone(enterClone: () => void): void {
  own.enterClone = enterClone
}

/** In a clone: has all copies know. */
export function enterCloneInAll(): void {
  for (const copy of shared.copies) copy.deref()?.enterClone()
}

/**
The native part that all copies use.

@param load gives that of this copy.
@throws {QcloneError} `ERR_QCLONE_UNSUPPORTED` when there is one already, of another version.
*/
export function sharedBinding(load: () => typeof Binding): typeof Binding {
  const version = versionOfPackage()
  shared.native ??= { binding: load(), version, path: dirname(fileURLToPath(import.meta.url)) }
  if (shared.native.version === version) return shared.native.binding
  throw new QcloneError(
    'ERR_QCLONE_UNSUPPORTED',
    `two copies of node-qclone are loaded in this process, and only the first can clone: version ${shared.native.version} of ${shared.native.path}, and this one, version ${version}: let all who need it have one version (\`npm dedupe\`)`,
  )
}

/** Has `claim` called unless this copy was the last to claim the end of the clones' event loops. */
export function claimLoopEnd(claim: () => void): void {
  if (shared.atLoopEnd === own) return
  claim()
  shared.atLoopEnd = own
}

function versionOfPackage(): string {
  const { version } = createRequire(import.meta.url)('../package.json') as { version: string }
  return version
}
