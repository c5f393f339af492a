import { spawnSync } from 'node:child_process'

const code = `
  const test = require('node:test')
  const assert = require('node:assert')
  test('adds', () => assert.equal(1 + 1, 2))
  test('waits', async (t) => t.test('inside', () => new Promise(setImmediate)))
`
const env = { ...process.env }
delete env.NODE_TEST_CONTEXT
const { status, stdout } = spawnSync(process.execPath, ['--test-reporter=tap', '-e', code], {
  encoding: 'utf8',
  env,
})
console.log(status, stdout.match(/^# (tests|pass|fail) .*/gm))
