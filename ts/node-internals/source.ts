import { runInNewContext } from 'node:vm'
import type { Callable } from '../types/callable.js'

const { toString: found } = Function.prototype

/** Whether others have replaced the method. Only a function written in JavaScript has a prototype or another name. */
const isReplaced = Object.hasOwn(found, 'prototype') || found.name !== 'toString'

/** V8's own method. */
const ofV8 = isReplaced ? (runInNewContext('Function.prototype.toString') as typeof found) : found

/**
Returns the source of a function. For a function that zone.js has wrapped, `Function.prototype.toString` returns the
source of the original.
*/
export function sourceOf(f: Callable): string {
  return Reflect.apply(ofV8, f, [])
}
