// package: jsonwebtoken
// parent: signs and verifies
// clone: signs and verifies
import assert from 'node:assert/strict'
import jwt from 'jsonwebtoken'

export function use() {
  const token = jwt.sign({ name: 'ann' }, 'secret', { expiresIn: '1h' })
  assert.equal(jwt.verify(token, 'secret').name, 'ann')
  assert.throws(() => jwt.verify(token, 'other'), { name: 'JsonWebTokenError' })
}
export const inClone = use
