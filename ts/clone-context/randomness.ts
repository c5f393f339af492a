import { randomInt, randomUUID } from 'node:crypto'
import { types } from 'node:util'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { native } from '../native.js'
import { calledInClones } from './ahead.js'
import { readScope } from './scope.js'

/** Node draws this many UUIDs, and this many integers, at a time, and clones would share the rest. */
const UUIDS_AT_ONCE = 128
const INTEGERS_AT_ONCE = 1024

const { random } = Math
/** A function that somebody has put in its place is theirs to see to. */
const isOfV8 = Function.prototype.toString.call(random) === 'function random() { [native code] }'

/** What stands in for `Math.random`, where its state could not be found. */
let substitute: typeof random | undefined

/** Whether clones fill anew what node has drawn ahead: where it keeps that has been found. */
let isRefilled = false

let prepared = false

/** Finds out, in the parent and once, what its clones need to know. */
export function prepareRandomness(): void {
  if (prepared) return
  prepared = true
  if (isOfV8) native().findMathRandom(random)
  // Before its first use there is nothing drawn.
  randomUUID()
  try {
    // Variables of lib/internal/crypto/random.js.
    const { uuidData, randomCache } = readScope(randomUUID, ['uuidData', 'randomCache'])
    const found = [uuidData, randomCache]
    if (!found.every(types.isUint8Array)) return
    native().refillInClones(found as Uint8Array[])
    isRefilled = true
  } catch {
    // Clones use up what was drawn, which takes them a millisecond or two.
  }
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
The second best: references to `Math.random` that were taken before go on as in the parent.

Making a context takes a millisecond, so not before it is needed.
*/
function ofNewContext(): number {
  setFlagsFromString(`--random-seed=${randomInt(1, 2 ** 31 - 1)}`)
  // The seed is no part of V8's hash of its flags, but the hash is computed anew.
  native().settleFlagHash()
  const fresh = runInNewContext('Math.random') as typeof random
  if (Math.random === substitute) Math.random = substitute = fresh
  return fresh()
}

calledInClones(freshRandomness)
