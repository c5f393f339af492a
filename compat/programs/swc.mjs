// package: @swc/core
// parent: transforms
import assert from 'node:assert/strict'
import { transform } from '@swc/core'

export async function use() {
  const { code } = await transform('const a: number = 1; export { a }', {
    jsc: { parser: { syntax: 'typescript' } },
  })
  assert.match(code, /^var a = 1;/)
}
