// package: ajv
// parent: validates
// clone: compiles a schema and validates
import assert from 'node:assert/strict'
import { Ajv } from 'ajv'

const schema = { type: 'object', properties: { size: { type: 'integer', minimum: 1 } }, required: ['size'] }
const validate = new Ajv().compile(schema)
function check(validate) {
  assert.equal(validate({ size: 1 }), true)
  assert.equal(validate({ size: 0 }), false)
}

export const use = () => check(validate)
export const inClone = () => check(new Ajv().compile(schema))
