import { calledInClones } from './precompile.js'

const held: unknown[] = []

/**
Keeps `thing`, and everything it references, from being collected in this clone.

The parent still uses it. In the clone nothing else references it, and once collected, the callbacks of the parent's
`FinalizationRegistry`s would release files and locks that are in use.
*/
export function hold(thing: unknown): void {
  held.push(thing)
}

calledInClones(hold)
