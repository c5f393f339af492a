// package: moment
// parent: formats dates
// clone: formats dates
import assert from 'node:assert/strict'
import moment from 'moment'

export const use = () =>
  assert.equal(moment.utc('2026-01-31').add(1, 'month').format('YYYY-MM-DD'), '2026-02-28')
export const inClone = use
