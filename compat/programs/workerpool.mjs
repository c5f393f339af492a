// package: workerpool
// parent: computes in processes
// clone: computes in processes of its own
import assert from 'node:assert/strict'
import workerpool from 'workerpool'

const open = () => workerpool.pool({ workerType: 'process', maxWorkers: 1 })
const pool = open()
const sum = async (pool) => assert.equal(await pool.exec((a, b) => a + b, [1, 2]), 3)

export const use = () => sum(pool)
export const inClone = () => sum(open())
