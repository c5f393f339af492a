// package: node-cron
// parent: has a task run each second
// clone: runs a task of its own
import assert from 'node:assert/strict'
import cron from 'node-cron'

let ran = 0
cron.schedule('* * * * * *', () => ran++)

export function use() {
  assert.ok(cron.validate('*/5 * * * *'))
}
export async function inClone() {
  const before = ran
  const task = cron.createTask('0 0 1 1 *', () => 3)
  assert.equal(await task.execute(), 3)
  // The parent's task does not run here.
  assert.equal(ran, before)
}
