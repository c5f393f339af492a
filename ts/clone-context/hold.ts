import { calledInClones } from './ahead.js'

const held: unknown[] = []

/**
Keeps `thing`, and all that hangs on it, from being garbage in this clone for as long as it lives.

Its parent still uses them. Here nothing else would hold them, and the callbacks of the parent's `FinalizationRegistry`s
would let go of files and locks that are in use.
*/
export function hold(thing: unknown): void {
  held.push(thing)
}

calledInClones(hold)
