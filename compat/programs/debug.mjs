// package: debug
// parent: logs
// clone: logs
import assert from 'node:assert/strict'
import { format } from 'node:util'
import createDebug from 'debug'

createDebug.enable('compat:*')
const lines = []
createDebug.log = (...args) => lines.push(format(...args))
const debug = createDebug('compat:parent')

export function use() {
  lines.length = 0
  debug('sum %d', 3)
  assert.match(lines[0], /compat:parent .*sum 3/)
}
export const inClone = use
