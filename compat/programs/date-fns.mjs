// package: date-fns
// parent: formats dates
// clone: formats dates
import assert from 'node:assert/strict'
import { addMonths, format } from 'date-fns'

export const use = () => assert.equal(format(addMonths(new Date(2026, 0, 31), 1), 'yyyy-MM-dd'), '2026-02-28')
export const inClone = use
