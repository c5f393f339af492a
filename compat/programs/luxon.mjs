// package: luxon
// parent: formats dates of time zones
// clone: does so too
import assert from 'node:assert/strict'
import { DateTime } from 'luxon'

export function use() {
  const time = DateTime.fromISO('2026-01-01T00:00:00Z').setZone('Asia/Tokyo')
  assert.equal(time.toFormat('yyyy-MM-dd HH:mm'), '2026-01-01 09:00')
}
export const inClone = use
