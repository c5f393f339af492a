// package: zod
// parent: parses
// clone: parses
import assert from 'node:assert/strict'
import { z } from 'zod'

const schema = z.object({ name: z.string().min(1), sizes: z.array(z.coerce.number()) })

export function use() {
  assert.deepEqual(schema.parse({ name: 'a', sizes: ['1', 2] }), { name: 'a', sizes: [1, 2] })
  assert.equal(schema.safeParse({ name: '' }).success, false)
}
export const inClone = use
