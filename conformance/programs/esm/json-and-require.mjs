import { createRequire, isBuiltin } from 'node:module'
import { basename } from 'node:path'

const require = createRequire(import.meta.url)
const data = require('../support/data.json')
const { default: same } = await import('../support/data.json', { with: { type: 'json' } })
console.log(data.name, same.list.length)
const counter = require('../support/counter.cjs')
console.log(
  counter.next(),
  require('../support/counter.cjs').next(),
  basename(require.resolve('../support/counter.cjs')),
)
console.log((await import('../support/counter.cjs')).default.next(), isBuiltin('node:fs'))
