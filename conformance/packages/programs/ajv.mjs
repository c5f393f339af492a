import { Ajv } from 'ajv'

const ajv = new Ajv({ allErrors: true })
const validate = ajv.compile({
  type: 'object',
  properties: {
    n: { type: 'integer', minimum: 1 },
    list: { type: 'array', items: { $ref: '#/definitions/s' } },
  },
  required: ['n'],
  additionalProperties: false,
  definitions: { s: { type: 'string', pattern: '^a' } },
})
console.log(validate({ n: 1, list: ['ab'] }), validate({ n: 0, list: ['b'], x: 1 }))
console.log(validate.errors.map(({ keyword, instancePath }) => [keyword, instancePath]))
