// package: rxjs
// parent: takes values of an interval
// clone: takes values of one of its own
import assert from 'node:assert/strict'
import { bufferCount, interval, lastValueFrom, map, take } from 'rxjs'

export async function use() {
  const pairs = interval(2).pipe(
    take(4),
    map((value) => 2 * value),
    bufferCount(2),
  )
  assert.deepEqual(await lastValueFrom(pairs), [4, 6])
}
export const inClone = use
