import { createRequire } from 'node:module'
import { runInThisContext } from 'node:vm'

// Not an import, which opens all three standard streams to read the module's exports.
const given = createRequire(import.meta.url)('node:process') as NodeJS.Process

/**
Node's own `process`, even if the global has been replaced: some code hides it, and jest gives each test file a copy.
The copy's `getBuiltinModule` is Node's function too.
*/
export const process: NodeJS.Process =
  (given.getBuiltinModule?.('node:process') as NodeJS.Process | undefined) ?? given

/** Global object of Node's main context, whichever context this package was loaded in. */
export const mainGlobal = runInThisContext('globalThis') as typeof globalThis

/**
Web platform classes, which the context of this package may lack. Read in the main context: Node defines some lazily.
*/
export const { AbortController, AbortSignal, DOMException } = runInThisContext(
  '({ AbortController, AbortSignal, DOMException })',
) as Pick<typeof globalThis, 'AbortController' | 'AbortSignal' | 'DOMException'>
