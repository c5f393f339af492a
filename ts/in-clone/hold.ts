import { inheritingNothing, tryToDefine } from '../node-internals/define.js'
import { calledInClones } from './precompile.js'

const held: unknown[] = []

/**
Keeps `thing`, and everything it references, from being collected in this clone.

The parent still uses it, but nothing else in the clone references it. If it were collected, the parent's
`FinalizationRegistry` callbacks would release files and locks that are in use.
*/
export function hold(thing: unknown): void {
  held.push(thing)
}

/**
In a clone: redefines a property, and holds its value or accessors. Does not assign, which would call an accessor that
replaces the property. A locked property stays as it is.
*/
export function redefine(object: object, name: PropertyKey, descriptor: PropertyDescriptor): void {
  hold(Reflect.getOwnPropertyDescriptor(object, name))
  tryToDefine(object, name, { configurable: true, enumerable: true, ...descriptor })
}

calledInClones(hold, redefine, tryToDefine, inheritingNothing)
