import { native } from '../native.js'
import type { Callable } from '../types/callable.js'

const ofClones: Callable[] = []

/**
Registers functions that clones call and the parent calls rarely or never.

V8 compiles a function at its first call, and discards the code of a function that is not called for some time. Each
clone would compile these again, which takes a millisecond, mostly for page faults of the parser.
*/
export function calledInClones(...functions: Callable[]): void {
  ofClones.push(...functions)
}

const rehearsals = new Set<() => void>()

/**
Registers a function that the parent calls before each fork, because it calls many small functions that otherwise only
clones call. It must be fast.
*/
export function rehearseForClones(act: () => void): void {
  rehearsals.add(act)
}

/**
In the parent, before a fork: compiles the registered functions and `functions`. Most often they are already compiled,
and this takes microseconds.
*/
export function compileAhead(functions: readonly Callable[]): void {
  native().compile(ofClones)
  native().compile([...functions])
  for (const rehearse of rehearsals) rehearse()
}
