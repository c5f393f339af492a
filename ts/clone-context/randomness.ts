import { randomInt, randomUUID } from 'node:crypto'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** Node draws this many UUIDs, and this many integers, at a time, and clones would share the rest. */
const UUIDS_AT_ONCE = 128
const INTEGERS_AT_ONCE = 1024

/** Makes every source of randomness differ from the parent's and from every other clone's. */
export function freshRandomness(): void {
  for (let i = 0; i < UUIDS_AT_ONCE; i++) randomUUID()
  for (let i = 0; i < INTEGERS_AT_ONCE; i++) randomInt(2)
  // V8's generator has its state in the context and cannot be seeded again, so the clone takes that of a new
  // context. Making one takes a millisecond, so not before it is needed.
  Math.random = () => {
    setFlagsFromString(`--random-seed=${randomInt(1, 2 ** 31 - 1)}`)
    Math.random = runInNewContext('Math.random') as () => number
    return Math.random()
  }
}
