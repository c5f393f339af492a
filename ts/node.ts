import { createRequire } from 'node:module'
import { runInThisContext } from 'node:vm'

// Not an import, which opens all three standard streams to list what the module has.
const given = createRequire(import.meta.url)('node:process') as NodeJS.Process

/**
Node's own `process`, whatever has become of the global: code hides it, and jest gives each test file a copy. What the
copy has for this is Node's function, too.
*/
export const process: NodeJS.Process =
  (given.getBuiltinModule?.('node:process') as NodeJS.Process | undefined) ?? given

/** The global object that Node began with, from whichever context this package was loaded in. */
export const mainGlobal = runInThisContext('globalThis') as typeof globalThis

/** Classes of the platform, which the context of this package need not have. Read there: Node makes some when first asked. */
export const { AbortController, AbortSignal, DOMException } = runInThisContext(
  '({ AbortController, AbortSignal, DOMException })',
) as Pick<typeof globalThis, 'AbortController' | 'AbortSignal' | 'DOMException'>
