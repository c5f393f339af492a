import { AsyncResource } from 'node:async_hooks'
import { calledInClones, rehearseForClones } from './ahead.js'

/** A handle: it numbers asynchronous resources as `async_hooks` does. */
export interface Numbered {
  getAsyncId?: () => number
}

/** The number of an asynchronous resource made right after the fork; 0 in a process that is no clone. */
let firstOwn = 0

/** In a clone: what gets its number from now on is the clone's own. */
export function numberFromHere(): void {
  firstOwn = nextNumber()
}

function nextNumber(): number {
  return new AsyncResource('qclone.fork').asyncId()
}

/** Whether a handle is the parent's; undefined when it has no number. Of a process that is no clone: false. */
export function isInherited(handle: Numbered): boolean | undefined {
  const number = handle.getAsyncId?.()
  return number === undefined ? undefined : number < firstOwn
}

rehearseForClones(nextNumber)
calledInClones(numberFromHere)
