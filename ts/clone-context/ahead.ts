import { native } from '../native.js'

/** A function or a class. */
export type Callable = ((...args: never[]) => unknown) | (abstract new (...args: never[]) => unknown)

const ofClones: Callable[] = []

/**
Names functions that clones call, and their parent never does or perhaps not for long.

V8 compiles a function when it is first called, and forgets the code of one that nobody has called for some time. Each
clone would compile these anew, which costs it a millisecond: most of that is page faults of the parser.
*/
export function calledInClones(...functions: Callable[]): void {
  ofClones.push(...functions)
}

const rehearsals = new Set<() => void>()

/**
Has the parent call `act` before each fork, as it calls many small functions that only clones would call otherwise. It
must be quick.
*/
export function rehearseForClones(act: () => void): void {
  rehearsals.add(act)
}

/**
In the parent, before a fork: sees to it that they are compiled, and `functions` with them. Most often they already
are, and it takes microseconds.
*/
export function compileAhead(functions: readonly Callable[]): void {
  native().compile(ofClones)
  native().compile([...functions])
  for (const rehearse of rehearsals) rehearse()
}
