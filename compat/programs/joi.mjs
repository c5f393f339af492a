// package: joi
// parent: validates
// clone: validates
import assert from 'node:assert/strict'
import Joi from 'joi'

const schema = Joi.object({ name: Joi.string().required(), size: Joi.number().integer() })

export async function use() {
  assert.deepEqual(await schema.validateAsync({ name: 'a', size: '1' }), { name: 'a', size: 1 })
  assert.match(schema.validate({}).error.message, /"name" is required/)
}
export const inClone = use
