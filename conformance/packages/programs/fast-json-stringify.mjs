import build from 'fast-json-stringify'

const stringify = build({
  type: 'object',
  properties: {
    id: { type: 'integer' },
    name: { type: 'string' },
    at: { type: 'string', format: 'date-time' },
  },
})
console.log(stringify({ id: 1, name: 'a "b"', at: new Date(0), more: true }))
