import { AsyncResource } from 'node:async_hooks'
import { asyncIdOf } from '../node-internals/handles.js'
import { calledInClones, rehearseForClones } from './precompile.js'

/** Async id of a resource made right after the fork; `0` in a process that is not a clone. */
let firstOwn = 0

/** In a clone: marks handles made from now on as its own. */
export function numberFromHere(): void {
  firstOwn = nextNumber()
}

function nextNumber(): number {
  return new AsyncResource('qclone.fork').asyncId()
}

/**
Returns whether a handle is inherited; `undefined` if it has no async id, `false` in a process that is not a clone.
*/
export function isInherited(handle: object): boolean | undefined {
  const number = asyncIdOf(handle)
  return number === undefined ? undefined : number < firstOwn
}

rehearseForClones(nextNumber)
calledInClones(numberFromHere, isInherited, asyncIdOf)
