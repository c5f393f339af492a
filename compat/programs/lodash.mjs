// package: lodash
// parent: groups, debounces
// clone: groups, debounces
import assert from 'node:assert/strict'
import _ from 'lodash'

export async function use() {
  assert.deepEqual(_.groupBy([1.2, 1.4, 2.1], Math.floor), { 1: [1.2, 1.4], 2: [2.1] })
  let calls = 0
  await new Promise((resolve) => {
    const debounced = _.debounce(() => resolve(calls++), 5)
    debounced()
    debounced()
  })
  assert.equal(calls, 1)
}
export const inClone = use
