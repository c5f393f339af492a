// package: commander
// parent: parses arguments
// clone: parses arguments
import assert from 'node:assert/strict'
import { Command } from 'commander'

export function use() {
  const command = new Command().option('-p, --port <number>', 'port', Number).argument('[name]')
  command.parse(['--port', '80', 'a'], { from: 'user' })
  assert.deepEqual([command.opts(), command.args], [{ port: 80 }, ['a']])
}
export const inClone = use
