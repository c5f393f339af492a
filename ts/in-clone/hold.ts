import { inheritingNothing, tryToDefine } from '../node-internals/define.js'
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

/**
In a clone: redefines a property, and holds its value or accessors. Not by an assignment, which would call an accessor
that replaces it. A property that others have locked stays as it is.
*/
export function redefine(object: object, name: PropertyKey, descriptor: PropertyDescriptor): void {
  hold(Reflect.getOwnPropertyDescriptor(object, name))
  tryToDefine(object, name, { configurable: true, enumerable: true, ...descriptor })
}

calledInClones(hold, redefine, tryToDefine, inheritingNothing)
