import { randomInt, randomUUID } from 'node:crypto'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { native } from '../native.js'
import { findRandomCaches } from '../node-internals/random-caches.js'
import { sourceOf } from '../node-internals/source.js'
import { calledInClones } from './precompile.js'

/** Numbers of UUIDs and integers that Node draws at a time. Clones would share the unused ones. */
const UUIDS_AT_ONCE = 128
const INTEGERS_AT_ONCE = 1024

const { random } = Math
/** Whether `Math.random` is V8's. Whoever has replaced it is responsible for clones too. */
const isOfV8 = sourceOf(random) === 'function random() { [native code] }'

/** Replacement of `Math.random`, if its state could not be found. */
let substitute: typeof random | undefined

/** Whether clones refill Node's caches of random bytes: only if these have been found. */
let isRefilled = false

let prepared = false

/** In the parent, once: finds the state of the random sources that its clones reset. */
export function prepareRandomness(): void {
  if (prepared) return
  prepared = true
  if (isOfV8) native().findMathRandom(random)
  const caches = findRandomCaches()
  if (!caches) return
  native().refillInClones(caches)
  isRefilled = true
}

/** Makes every source of randomness differ from the parent's and from every other clone's. */
export function freshRandomness(): void {
  if (!isRefilled) useUpDrawn()
  if (!isOfV8 || native().reseedMathRandom(random)) return
  if (Math.random === random || Math.random === substitute) Math.random = substitute = ofNewContext
}

function useUpDrawn(): void {
  for (let i = 0; i < UUIDS_AT_ONCE; i++) randomUUID()
  for (let i = 0; i < INTEGERS_AT_ONCE; i++) randomInt(2)
}

/**
Returns a random number from a new context, made on the first call because that takes a millisecond.

This is second best: references to `Math.random` taken earlier continue as in the parent.
*/
function ofNewContext(): number {
  setFlagsFromString(`--random-seed=${randomInt(1, 2 ** 31 - 1)}`)
  // V8 computes the hash of its flags again, although the seed is not part of it.
  native().settleFlagHash()
  const fresh = runInNewContext('Math.random') as typeof random
  if (Math.random === substitute) Math.random = substitute = fresh
  return fresh()
}

calledInClones(freshRandomness)
